import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { type ExportReport, type ExportSessionOptions, exportSession } from "../../lib/session-file/export-session.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { sessionMeant } from "../session-argument.ts";
import { type FileKeyOptions, keyOfNewFile } from "../session-file/file-key.ts";
import { contentWords, parseGeneration, stepWords } from "../session-file/words.ts";
import { sizeWords } from "../terminal/words.ts";

interface Options extends CommonOptions, FileKeyOptions {
  readonly generation?: number;
  readonly allowOlder?: boolean;
}

export function addExport(program: Command, cli: Cli): void {
  const command = withChange(withStore(program.command("export")))
    .description("Keep a session in one file, while its bot goes on.")
    .argument("<session>", "the session, by its name or by the name in the bot's code")
    .argument("[file]", "the file, or the folder that it is written to (default: <session>-<date>.wavault here)")
    .option("--generation <number>", "an older generation instead of the current one", parseGeneration)
    .option("--allow-older", "an older generation where the newest one is not whole")
    .option("--passphrase", "ask for a passphrase of the file")
    .option("--plain", "do not encrypt the file, and do not ask")
    .helpGroup("Keep:")
    .action((session: string, file: string | undefined, options: Options) => run(cli, session, file, options));
  withExamples(command, [
    ["export support", "a file here, named by session and day, after a question for a passphrase"],
    ["export support /media/stick/ --generation 12", "an older generation, on a stick"],
    ["export support --json --plain", "for a script; or encrypted by WA_VAULT_FILE_KEY"],
  ]);
}

async function run(cli: Cli, given: string, file: string | undefined, options: Options): Promise<void> {
  if (file === "-") {
    throw new VaultError("INVALID", "A session is not written to a pipe: the file is read back before it counts.", {
      hint: "Name a file, and send that.",
    });
  }
  const store = await cli.store(options);
  const session = await sessionMeant(store, given, { signal: cli.signal });
  const path = await placeFor(session, file);
  const { generation, allowOlder } = options;
  const address = store.address;
  if (options.dryRun) {
    const state = await store.state({ session, signal: cli.signal });
    const number = generation ?? state?.current?.generation;
    const found = state?.generations.find((one) => one.generation === number);
    if (!found && state?.kind !== "records") {
      throw new VaultError("ABSENT", `There is no generation ${number ?? "to export"} of ${session}.`);
    }
    const replaces = await isThere(path);
    if (options.json)
      return cli.json({ store: address, session, dryRun: true, file: path, replaces, generation: number });
    return cli.out.line(`Would write ${session} to ${path}${replaces ? ", and replace the file that is there" : ""}.`);
  }
  const isReplaced = await isThere(path);
  if (isReplaced) await cli.confirm(`${path} is there. Replace it?`, options);
  const encryption = await keyOfNewFile(cli, options);
  const call = { from: store, session, to: path, overwrite: isReplaced, encryption, generation, allowOlder };
  const report = await write(cli, call);
  if (report.heldBy !== undefined) {
    cli.warn(`${report.heldBy} has the session and goes on: its keys will have moved on when this file is used.`);
  }
  if (report.generation?.rejected) cli.warn(`WhatsApp has refused generation ${report.generation.generation}.`);
  for (const { generation: newer, code } of report.skipped) cli.warn(`Generation ${newer} is not whole (${code}).`);
  const { fileBytes, encrypted, files, bytes, skipped, heldBy, ms } = report;
  if (options.json) {
    const facts = { file: report.path, fileBytes, encrypted, generation: report.generation, files, bytes, skipped };
    return cli.json({ store: address, session, ...facts, heldBy, ms });
  }
  cli.out.line(`${report.path} has ${session}, and was read back.`);
  cli.out.line(
    `  ${contentWords(report)}; the file has ${sizeWords(fileBytes)}, ${encrypted ? "encrypted" : "not encrypted"}`,
  );
}

async function write(cli: Cli, call: ExportSessionOptions): Promise<ExportReport> {
  return await cli.progress(async (show) => {
    try {
      return await exportSession({ ...call, signal: cli.signal, onProgress: (at) => show(stepWords(at)) });
    } catch (error) {
      if (!isVaultError(error, "CORRUPT") || call.allowOlder || !/not whole/.test(error.message)) throw error;
      throw new VaultError("CORRUPT", error.message, {
        cause: error,
        hint: "Nothing was written. `--allow-older` exports the newest whole generation before it.",
      });
    }
  });
}

/** @returns the absolute path of the file */
async function placeFor(session: string, file = "."): Promise<string> {
  const date = new Date().toISOString().slice(0, "2026-01-31".length);
  const isFolder = /[/\\]$/.test(file) || (await stat(file).catch(() => undefined))?.isDirectory() === true;
  return isFolder ? join(resolve(file), `${session}-${date}.wavault`) : resolve(file);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
