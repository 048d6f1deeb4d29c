import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { multiFileOf } from "../baileys/support/multi-file.ts";
import { sampleState } from "../baileys/support/sample-state.ts";
import { profileFiles, writeFiles } from "../contract/profile.ts";
import { testKey } from "../support/keys.ts";
import { root } from "../support/packed-package.ts";
import { runCli } from "./support/run-cli.ts";
import { saveBrowser, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const text = readFileSync(join(root, "docs/command.md"), "utf8");
const NAMES = ["rename", "delete", "rollback", "unlock", "prune", "rekey", "copy", "migrate"];

/** The lines of the shell in the section of a command. */
function linesOf(name: string): string[] {
  const section = text.split(`\n## wa-vault ${name}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, code = ""]) => code.split("\n"))
    .map((line) => line.replace(/(?:^| )#.*/, "").trim())
    .filter((line) => line !== "");
}

it.each(NAMES)("docs/command.md shows commands of %s that do their work", async (name) => {
  const lines = linesOf(name);
  expect(lines.length).toBeGreaterThan(0);
  await saveBrowser(places.main.store(), "RemoteAuth-support", [{ value: "1", as: "proven" }, { value: "2" }]);
  const old = places.folder();
  await writeFiles(profileFiles("1"), join(old, ".wwebjs_auth/session-sales"));
  await multiFileOf(sampleState(), join(old, "auth_info"));
  const env = { WA_VAULT_STORE: places.main.address, WA_VAULT_KEY: testKey(4).toString("hex") };
  for (const line of lines) {
    const [program, ...args] = line.replaceAll("./", `${old}/`).split(" ");
    expect(program).toBe("wa-vault");
    // The number of the older generation, and a yes; or the yes alone.
    const input = line === "wa-vault rollback support" ? "2\ny\n" : "y\n";
    const { code, stderr } = await runCli(args, { env, columns: 200, input });
    expect({ line, code, stderr: code === 0 ? "" : stderr }).toEqual({ line, code: 0, stderr: "" });
  }
});
