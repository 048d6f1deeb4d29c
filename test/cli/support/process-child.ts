// The command in a process of its own, in which something happens that a test wants: `process-child.ts <what> <arguments…>`.
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import url from "node:url";
import { keepTemporary, makeTemporary } from "../../../lib/disk/temporary.ts";
import { Vault } from "../../../lib/vault/vault.ts";

const [what = ""] = process.argv.splice(2, 1);

/** The store begins to write a zip, or a profile, and never ends. */
function hang(): void {
  Vault.prototype.extract = ({ path }) => begun(String(path));
  Vault.prototype.restoreProfile = async ({ into, signal }) => {
    await mkdir(into, { recursive: true });
    signal?.addEventListener("abort", () => console.error("It is asked to end."));
    return await begun(join(into, "Local State"));
  };
}

async function begun(path: string): Promise<never> {
  await writeFile(path, "the beginning of a session");
  console.error("The store hangs.");
  return await new Promise(() => setTimeout(() => {}, 2 ** 31 - 1));
}

/** Two temporary folders are made, of which one is to be kept, and an error comes that nobody catches. */
async function fail(): Promise<void> {
  const [kept] = [await makeTemporary(), await makeTemporary()];
  keepTemporary(kept, true);
  console.error(`kept: ${basename(kept)}.`);
  setImmediate(() => {
    throw new Error("a fault nobody has caught");
  });
}

/** Libraries warn: of what they were given, and of what a terminal would obey. */
function warn(): void {
  // As old drivers read addresses: Node warns of what it cannot read, with all of it (DEP0170).
  url.parse("mongodb://user:hush-1@host:port/database");
  const more = { code: "X1", detail: "by redis://:hush-3@h" };
  process.emitWarning("postgres://user:p@ss/hush-2@host/db is not reached", more);
  process.emitWarning("of https://host/?authToken=hush-4&tls=1 with password=hush-5", "DriverWarning");
  process.emitWarning("\u001b[2J\u001b]0;taken\u0007gone\nCORRUPT: a line that is nobody's\u202e");
  const warning = new Error("made by //user:hush-6@host");
  warning.toString = () => "hush-7";
  process.emitWarning(Object.freeze(warning));
}

if (what === "hang") hang();
await import("../../../cli/main.ts");
if (what === "fail") await fail();
if (what === "warn") warn();
