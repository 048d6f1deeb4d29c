// `npm run test:nodes [-- --node 26] [folder…]`: the unit and contract tests on every Node of `nodeVersions`, one after
// the other, each with a report of its own in `.reports`. Exits 1 when one of them fails or runs no test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { basename, delimiter, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { exitOnSignals } from "./exit-on-signals.ts";
import { REPORT } from "./named-report.ts";
import { nodeVersions, obtainNode } from "./services/node.ts";
import { ServiceMissing } from "./services/programs.ts";

const FOLDERS = [
  "async",
  "disk",
  "archive",
  "blobs",
  "profile",
  "vault",
  "browser",
  "auth",
  "copy-session",
  "adapters",
].map((folder) => `test/${folder}`);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { node: { type: "string", multiple: true, default: [] } },
});
const wanted = nodeVersions.filter((version) => values.node.length === 0 || values.node.includes(majorOf(version)));
const folders = positionals.length === 0 ? FOLDERS : positionals;
if (wanted.length === 0) throw new Error(`--node is one of ${nodeVersions.map(majorOf).join(", ")}.`);

process.chdir(fileURLToPath(new URL("../../", import.meta.url)));
exitOnSignals();
for (const version of wanted) {
  try {
    const { command, way } = await obtainNode(version);
    // Programs that start `node` find it by that name.
    if (basename(command) !== "node") throw new Error(`${command} must be named node.`);
    console.log(`\n${way}`);
    if (!(await passes(command, `.reports/vitest-node-${majorOf(version)}.json`))) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof ServiceMissing)) throw error;
    console.log(`skipped: ${error.message}`);
    if (process.env.CI === "true") process.exitCode = 1;
  }
}

/** Whether at least one test ran with this Node, and none failed. */
async function passes(node: string, report: string): Promise<boolean> {
  rmSync(report, { force: true }); // One of an earlier run would be counted.
  const reporters = ["--reporter=default", "--reporter=test/support/named-report.ts"];
  const code = await run(node, ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...folders], {
    [REPORT]: report,
  });
  return (await run(node, ["scripts/count-tests.mjs", report, String(code)])) === 0;
}

/** Runs a program of Node; its child processes find the same `node`. @returns the exit code */
async function run(node: string, args: readonly string[], named: Record<string, string> = {}): Promise<number | null> {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}`, ...named };
  const child = spawn(node, args, { env, stdio: "inherit" });
  const end = (): void => void child.kill();
  process.once("exit", end);
  const [code] = await once(child, "exit");
  process.off("exit", end);
  return code;
}

function majorOf(version: string): string {
  return version.split(".")[0] ?? version;
}
