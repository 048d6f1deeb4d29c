import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { readSessionFile } from "../../lib/session-file/import-session.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, filesIn, linkedProfileFiles, writeFiles } from "../contract/profile.ts";
import { filesOf, PROFILE, saveFiles } from "../session-file/support/sessions.ts";
import { exitOf } from "../support/child-exit.ts";
import { compiled } from "../support/compiled.ts";
import { useFolder } from "../support/folder.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const phone = "5511988887777";
const files = linkedProfileFiles(phone);
const newer = linkedProfileFiles(phone, { "Default/IndexedDB/x/000005.ldb": Buffer.from("newer") });
let [root, address, other] = ["", "", ""];
let target: FileStore;

beforeEach(async () => {
  root = folder();
  [address, other] = [`file:${join(root, "sessions")}`, `file:${join(root, "others")}`];
  target = new FileStore({ directory: join(root, "others") });
  await saveFiles(new FileStore({ directory: join(root, "sessions") }), files);
  await mkdir(join(root, "out"));
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

type Method = "extract" | "save" | "restoreProfile";

/** A signal that aborts before or after the first call of a method of any store. */
function endedAt(method: Method, when: "before" | "after"): AbortSignal {
  const ended = new AbortController();
  // The methods differ in what they take and return, and not in what is done with them here.
  const name = method as "extract";
  const original = Vault.prototype[name];
  vi.spyOn(Vault.prototype, name).mockImplementation(async function (this: Vault, options) {
    if (when === "before") ended.abort();
    try {
      return await original.call(this, options);
    } finally {
      ended.abort();
    }
  });
  return ended.signal;
}

describe("Ctrl-C in the middle", () => {
  it.each<[Method, "before" | "after"]>([
    ["extract", "before"],
    ["extract", "after"],
    ["save", "before"],
    ["save", "after"],
  ])("of an export, at its %s (%s), leaves no file", async (method, when) => {
    const args = ["export", "support", join(root, "out", "x.wavault"), "--plain", "--store", address];
    expect(await runCli(args, { signal: endedAt(method, when) })).toMatchObject({ code: 130, stdout: "" });
    expect(await readdir(join(root, "out"))).toEqual([]);
  });

  it.each<[Method, "before" | "after"]>([
    ["extract", "before"],
    ["extract", "after"],
    ["save", "before"],
    ["save", "after"],
  ])("of an import, at its %s (%s), leaves the session that was there or the new one", async (method, when) => {
    const file = join(root, "x.wavault");
    expect((await runCli(["export", "support", file, "--plain", "--store", address])).code).toBe(0);
    await saveFiles(target, newer);
    const args = ["import", file, "--yes", "--store", other];
    expect(await runCli(args, { signal: endedAt(method, when) })).toMatchObject({ code: 130, stdout: "" });
    vi.restoreAllMocks();
    // A save that was under way may still end.
    await (await target.acquire({ session: PROFILE, waitMs: 10_000 })).release();
    const found = await filesOf(target, folder());
    assertSameFiles(found, Object.keys(found).length === Object.keys(files).length ? files : newer);
  });

  it.each(["before", "after"] as const)("of a pull, at its restore (%s), leaves the place as it was", async (when) => {
    const place = join(root, "out", "profile");
    await writeFiles(newer, place);
    const args = ["pull", "support", place, "--yes", "--store", address];
    expect((await runCli(args, { signal: endedAt("restoreProfile", when) })).code).toBe(130);
    assertSameFiles(await filesIn(place), newer);
    expect(await readdir(join(root, "out"))).toEqual(["profile"]);
  });

  it.each<["import" | "push", Method, "before" | "after"]>([
    ["import", "save", "before"],
    ["import", "save", "after"],
    ["push", "extract", "before"],
    ["push", "extract", "after"],
  ])("of a dry run of %s, at its %s (%s), leaves no folder", async (name, method, when) => {
    const place = join(root, "out", "session-support");
    await writeFiles(files, place);
    await saveFiles(target, newer);
    await mkdir(join(root, "tmp"));
    vi.stubEnv("TMPDIR", join(root, "tmp"));
    const args = [name, place, "support", "--dry-run", "--store", other];
    expect((await runCli(args, { signal: endedAt(method, when) })).code).toBe(130);
    // A call that was under way may still end.
    await vi.waitUntil(async () => (await readdir(join(root, "tmp"))).length === 0, { timeout: 60_000 });
    expect(await readdir(join(root, "out"))).toEqual(["session-support"]);
    assertSameFiles(await filesOf(target, folder()), newer);
  });

  it.each(["before", "after"] as const)("of a push, at its save (%s), leaves the profile", async (when) => {
    const place = join(root, "out", "session-x");
    await writeFiles(files, place);
    const args = ["push", place, "x", "--store", other];
    expect((await runCli(args, { signal: endedAt("save", when) })).code).toBe(130);
    assertSameFiles(await filesIn(place), files);
    expect(await readdir(join(root, "out"))).toEqual(["session-x"]);
  });
});

describe("the command as a process", () => {
  let silent: Server;

  /** A server that takes connections and says nothing. */
  async function silentAddress(): Promise<string> {
    silent = createServer(() => {});
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    return `redis://127.0.0.1:${(silent.address() as { port: number }).port}`;
  }

  afterEach(() => void silent?.close());

  it("ends an export with 130 at SIGINT while its store does not answer", async () => {
    const store = await silentAddress();
    const connected = once(silent, "connection");
    const args = [compiled(main), "export", "support", join(root, "out", "x.wavault"), "--plain", "--store", store];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    const [socket] = (await connected) as [{ destroy(): void }];
    child.kill("SIGINT");
    const [code] = await exitOf(child);
    socket.destroy();
    expect(code).toBe(130);
    expect(await readdir(join(root, "out"))).toEqual([]);
  }, 60_000);

  it("writes the whole file although nobody reads what it says", async () => {
    const file = join(root, "out", "x.wavault");
    const command = `"$0" "$@" | true; exit "\${PIPESTATUS[0]}"`;
    const args = [process.execPath, compiled(main), "export", "support", file, "--plain", "--store", address];
    execFileSync("bash", ["-c", command, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    expect(await readSessionFile({ from: file })).toMatchObject({ session: PROFILE });
    expect(await readdir(join(root, "out"))).toEqual(["x.wavault"]);
  }, 60_000);
});
