// The line with the counts at the end of `.ci/run`, from real runs of vitest on small projects.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { useFolder } from "../support/folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const newFolder = useFolder();
let folder: string;
beforeEach(() => {
  folder = newFolder();
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "test"));
  const typecheck = 'typecheck: { enabled: true, include: ["test/*.test-d.ts"], tsconfig: "./tsconfig.json" }';
  writeFileSync(
    join(folder, "vitest.config.mjs"),
    `export default { test: { include: ["test/*.test.ts"], ${typecheck}, pool: "forks",
      reporters: ["default", ["json", { outputFile: ".reports/vitest.json" }]] } };`,
  );
  const compilerOptions = { module: "nodenext", strict: true, noEmit: true, skipLibCheck: true };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["test"] }));
});

function write(name: string, ...lines: string[]): void {
  const globals = 'import { expect, expectTypeOf, it } from "vitest";';
  writeFileSync(join(folder, "test", name), [globals, ...lines].join("\n"));
}

interface Outcome {
  tests: number | null;
  count: number | null;
  line: string | undefined;
}

/** What `.ci/run` does after the installation. @returns the exit codes of both, and the last line */
function run(): Outcome {
  const { lines, ...codes } = runAndTell();
  return { ...codes, line: lines.at(-1) };
}

function runAndTell(): Omit<Outcome, "line"> & { lines: string[] } {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1" };
  // What this run tells its own workers.
  for (const name of Object.keys(env)) if (/^(VITEST|NODE_ENV|TEST|FORCE_COLOR)/.test(name)) delete env[name];
  const options = { cwd: folder, env, encoding: "utf8", timeout: 280_000 } as const;
  const tests = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run"], options).status;
  const script = join(root, "scripts/count-tests.mjs");
  const count = spawnSync(process.execPath, [script, ".reports/vitest.json", String(tests)], options);
  return { tests, count: count.status, lines: count.stdout.trimEnd().split("\n") };
}

const passing = 'it("passes", () => expect(1).toBe(1));';

describe("the counts", () => {
  it("of a good run, with types and skipped tests", () => {
    write("good.test.ts", passing, 'it.skip("is skipped", () => {});', 'it.todo("comes later");');
    write("types.test-d.ts", 'it("has types", () => expectTypeOf(1).toBeNumber());');
    expect(run()).toEqual({ tests: 0, count: 0, line: "2 passed, 0 failed, 2 skipped" });
  });

  it("come after the servers that the tests were with", () => {
    const suites = ["MongoDB (mongo: a stand-in (is not MongoDB))", "again (mongo: a stand-in (is not MongoDB))"];
    const missing = 'describe.skip("Redis (redis: 7)", () => { it("is skipped", () => {}); });';
    const lines = suites.map((name) => `describe(${JSON.stringify(name)}, () => { ${passing} });`);
    write("servers.test.ts", 'import { describe } from "vitest";', ...lines, missing);
    const { lines: said } = runAndTell();
    expect(said).toEqual(["with mongo: a stand-in (is not MongoDB)", "2 passed, 0 failed, 1 skipped"]);
  });

  it("of a test that failed", () => {
    write("bad.test.ts", passing, 'it("fails", () => expect(1).toBe(2));');
    expect(run()).toEqual({ tests: 1, count: 1, line: "1 passed, 1 failed" });
  });

  it("of a type that is wrong", () => {
    write("good.test.ts", passing);
    write("types.test-d.ts", 'it("has types", () => expectTypeOf(1).toBeString());');
    expect(run()).toEqual({ tests: 1, count: 1, line: "1 passed, 1 failed" });
  });

  it("of a type that is wrong outside a test", () => {
    write("good.test.ts", passing);
    write("types.test-d.ts", 'it("has types", () => expectTypeOf(1).toBeNumber());');
    write("support.ts", "export const text: string = 1; void it; void expect; void expectTypeOf;");
    expect(run()).toMatchObject({ tests: 1, count: 1, line: expect.stringMatching(/^\d passed, 1 failed$/) });
  });

  it("of a file that failed before its tests", () => {
    write("good.test.ts", passing);
    write("broken.test.ts", 'throw new Error("no");');
    expect(run()).toEqual({ tests: 1, count: 1, line: "1 passed, 1 failed" });
  });

  it("of an error that no test waited for", () => {
    write("late.test.ts", passing, 'void Promise.reject(new Error("late"));');
    expect(run()).toEqual({ tests: 1, count: 1, line: "1 passed, 1 failed" });
  });

  it("of a worker that was killed", () => {
    write("good.test.ts", passing);
    write("dead.test.ts", 'it("dies", () => { process.kill(process.pid, "SIGKILL"); });');
    expect(run()).toMatchObject({ tests: 1, count: 1, line: expect.stringMatching(/^1 passed, [12] failed/) });
  });

  it("of no test at all", () => {
    write("skipped.test.ts", 'it.skip("is skipped", () => {});');
    expect(run()).toEqual({ tests: 0, count: 1, line: "0 passed, 1 failed, 1 skipped" });
  });

  it("of a vitest that did not start", () => {
    writeFileSync(join(folder, "vitest.config.mjs"), "export default {");
    expect(run()).toEqual({ tests: 1, count: 1, line: "0 passed, 1 failed" });
  });

  it("of a report that was cut off", () => {
    writeFileSync(join(folder, "vitest.config.mjs"), "export default {");
    mkdirSync(join(folder, ".reports"));
    writeFileSync(join(folder, ".reports/vitest.json"), '{ "numPassedTests": 3,');
    expect(run()).toEqual({ tests: 1, count: 1, line: "0 passed, 1 failed" });
  });

  it.each([
    ["fails", 1],
    ["says that all is well", 0],
  ])("of an earlier run are not taken, when this one %s without a report", (_name, code) => {
    for (const path of [".ci", "scripts"]) cpSync(join(root, path), join(folder, path), { recursive: true });
    mkdirSync(join(folder, ".reports"));
    writeFileSync(join(folder, ".reports/vitest.json"), '{ "numPassedTests": 3, "success": true, "testResults": [] }');
    writeFileSync(join(folder, "npm"), `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
    const { status, stdout } = spawnSync("bash", [".ci/run"], { cwd: folder, env, encoding: "utf8" });
    expect(status).toBe(1);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("0 passed, 1 failed");
  });
});
