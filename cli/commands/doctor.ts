import { existsSync } from "node:fs";
import type { Command } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { browserChecks } from "../doctor/browser-check.ts";
import { type Check, checkLines } from "../doctor/check.ts";
import { libraryChecks } from "../doctor/library-checks.ts";
import { machineChecks } from "../doctor/machine-checks.ts";
import { storeChecks } from "../doctor/store-checks.ts";
import { withExamples, withStore } from "../options.ts";
import { quoted } from "../terminal/quoted.ts";

/** Where whatsapp-web.js keeps profiles by default. */
const DATA_PATH = "./.wwebjs_auth";

interface DoctorOptions extends CommonOptions {
  readonly dataPath?: string;
}

/** Checks of one part, under a title. */
interface Part {
  readonly title: string;
  readonly checks: readonly Check[];
}

export function addDoctor(program: Command, cli: Cli): void {
  const command = withStore(program.command("doctor"))
    .description(
      "Find out why a bot does not start or save: try the store, and look at this machine and its libraries.",
    )
    .helpGroup("Repair:")
    .option("--data-path <folder>", "the `dataPath` of your bot [default: ./.wwebjs_auth, where it exists]")
    .action((options: DoctorOptions) => doctor(cli, options));
  withExamples(command, [
    ["doctor", "this machine, and the store in WA_VAULT_STORE if it is set"],
    [`doctor --store ${quoted("s3://bucket/bots?region=eu-central-1")}`, "also whether the rights on a bucket suffice"],
    ["doctor --data-path /var/lib/bot --json", "for a script: exit code 0 when nothing is bad"],
  ]);
}

async function doctor(cli: Cli, options: DoctorOptions): Promise<void> {
  const { env, signal } = cli;
  const folder = process.cwd();
  const dataPath = options.dataPath ?? (existsSync(DATA_PATH) ? DATA_PATH : undefined);
  const isNamed = [options.store, env.WA_VAULT_STORE, env.WA_VAULT_STORE_FILE].some((one) => one !== undefined);
  let address: string | undefined;
  const parts = await cli.progress(async (show): Promise<Part[]> => {
    show("Looking at this machine");
    const machine = {
      title: "This machine",
      checks: [
        ...libraryChecks(folder),
        ...(await browserChecks(folder, env, signal)),
        ...(await machineChecks(dataPath)),
      ],
    };
    if (!isNamed) return [machine];
    show("Trying the store");
    const opened = await openStore(cli, options);
    if ("problem" in opened) return [machine, { title: "The store", checks: [opened.problem] }];
    address = opened.store.address;
    return [machine, { title: `The store ${address}`, checks: await storeChecks(opened.store, signal) }];
  });
  const checks = parts.flatMap((part) => part.checks);
  const bad = checks.filter(({ level }) => level === "bad");
  if (options.json) cli.json({ store: address ?? null, good: bad.length === 0, checks: checks.map(forPrograms) });
  else print(cli, parts);
  if (!isNamed && !options.json)
    cli.note("No store is named, so none was tried: name it by --store or WA_VAULT_STORE.");
  if (bad.length > 0) {
    const things = bad.length === 1 ? "1 thing is" : `${bad.length} things are`;
    throw new VaultError(bad[0]?.code ?? "INVALID", `${things} bad: ${bad.map(({ name }) => name).join(", ")}.`);
  }
}

function print(cli: Cli, parts: readonly Part[]): void {
  for (const [index, { title, checks }] of parts.entries()) {
    if (index > 0) cli.out.line();
    cli.out.line(cli.out.paint("strong", title));
    for (const check of checks) for (const line of checkLines(check, cli.out)) cli.out.line(line);
  }
}

/** A store that cannot be opened is told as the other things are. */
async function openStore(
  cli: Cli,
  options: DoctorOptions,
): Promise<{ store: Awaited<ReturnType<Cli["store"]>> } | { problem: Check }> {
  try {
    return { store: await cli.store(options) };
  } catch (error) {
    if (!isVaultError(error)) throw error;
    const { code, message, hint } = error;
    return { problem: { level: "bad", name: "open", found: `${code}: ${message}`, todo: hint, code } };
  }
}

function forPrograms({ name, level, found, todo }: Check): object {
  return { name, level, found, ...(todo === undefined ? {} : { todo }) };
}
