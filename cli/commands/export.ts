import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { type ExportReport, type ExportSessionOptions, exportSession } from "../../lib/session-file/export-session.ts";
import {
  type ReplaceOptions,
  replacesAtOnce,
  replaceWords,
  unlessReplaced,
  withHint,
  withReplace,
} from "../change/replace.ts";
import type { Cli } from "../cli.ts";
import { parseGeneration } from "../generation-argument.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION, sessionMeant } from "../session-argument.ts";
import { type FileKeyOptions, keyOfNewFile } from "../session-file/file-key.ts";
import { keptGeneration, refusedWords } from "../session-file/kept-generation.ts";
import { contentWords, stepWords } from "../session-file/words.ts";
import { sizeWords } from "../terminal/words.ts";

interface Options extends ReplaceOptions, FileKeyOptions {
  readonly generation?: number;
  readonly allowOlder?: boolean;
}

export function addExport(program: Command, cli: Cli): void {
  const command = withReplace(withChange(withStore(program.command("export"))))
    .description("Keep a session in one file, while its bot goes on.")
    .argument("<session>", SESSION)
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
  const told = { store: store.address, session, path };
  const exists = await isThere(path);
  if (options.dryRun) {
    const info = await keptGeneration(store, session, generation, cli.signal);
    if (info.rejected) cli.warn(refusedWords(info.generation));
    const replaces = exists && replacesAtOnce(options, false);
    if (options.json) return cli.json({ ...told, dryRun: true, ...info, exists, replaces });
    const there = exists ? ` A file is there: ${replaceWords(cli, options, false)}.` : "";
    return cli.out.line(`Would write ${session} to ${path}.${there}`);
  }
  const overwrite = await unlessReplaced(
    cli,
    "Replace it?",
    options,
    (replace) => mayWrite(path, replace),
    () => true,
  );
  const encryption = await keyOfNewFile(cli, options);
  const report = await write(cli, { from: store, session, to: path, overwrite, encryption, generation, allowOlder });
  warn(cli, report);
  const { fileBytes, encrypted, files, bytes, skipped, heldBy, ms } = report;
  if (options.json) {
    const content = { ...report.generation, files, bytes, skipped, heldBy };
    return cli.json({ ...told, fileBytes, encrypted, ...content, replaced: exists, ms: Math.round(ms) });
  }
  cli.out.line(`${path} has ${session}, and was read back.`);
  cli.out.line(
    `  ${contentWords(report)}; the file has ${sizeWords(fileBytes)}, ${encrypted ? "encrypted" : "not encrypted"}`,
  );
}

/** @returns `replace` @throws `CONFLICT` when a file is there that is not to be replaced */
async function mayWrite(path: string, replace: boolean): Promise<boolean> {
  if (replace || !(await isThere(path))) return replace;
  throw new VaultError("CONFLICT", `${path} is there.`);
}

function warn(cli: Cli, { generation, skipped, heldBy }: ExportReport): void {
  if (heldBy !== undefined) {
    cli.warn(`${heldBy} has the session and goes on: its keys will have moved on when this file is used.`);
  }
  if (generation?.rejected) cli.warn(refusedWords(generation.generation));
  for (const { generation: newer, code } of skipped) cli.warn(`Generation ${newer} is not whole (${code}).`);
}

async function write(cli: Cli, call: ExportSessionOptions): Promise<ExportReport> {
  return await cli.progress(async (show) => {
    try {
      return await exportSession({ ...call, signal: cli.signal, onProgress: (at) => show(stepWords(at)) });
    } catch (error) {
      // The hints of the library name its options.
      if (isVaultError(error, "CONFLICT") && !call.overwrite) {
        throw withHint(error, "Nothing was written. `--replace` replaces what is there.");
      }
      if (!isVaultError(error, "CORRUPT") || call.allowOlder || !/not whole/.test(error.message)) throw error;
      throw withHint(error, "Nothing was written. `--allow-older` exports the newest whole generation before it.");
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
