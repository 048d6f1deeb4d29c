import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { REPORT } from "../../../support/named-report.ts";
import type { Rule } from "./rule.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly failureMessages: readonly string[] }[];
  }[];
}

/**
 * Runs the test of a rule on code without that rule.
 * @returns what the tests that failed have said
 * @throws when the tests could not be loaded or none has run
 */
export async function failuresWithout({ name, failing }: Rule): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "wa-vault-rule-"));
  try {
    const report = join(folder, "report.json");
    const args = ["run", join("test/vault", failing.file), "--testNamePattern", escaped(failing.name)];
    const output = ["--typecheck.enabled=false", "--reporter=test/support/named-report.ts"];
    const env = { ...process.env, [REPORT]: report, WA_VAULT_WITHOUT: name, WA_VAULT_SEED: failing.seeds };
    const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", ...args, ...output], {
      cwd: ROOT,
      env,
      stdio: "ignore",
    });
    await once(child, "exit");
    const { testResults } = JSON.parse(await readFile(report, "utf8")) as Report;
    const ran = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status !== "skipped");
    if (ran.length === 0) throw new Error(`No test ran: ${testResults.map(({ message }) => message).join("; ")}`);
    return ran.filter(({ status }) => status === "failed").map(({ failureMessages }) => failureMessages.join("\n"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function escaped(name: string): string {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
