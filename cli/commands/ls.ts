import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { parseAddress } from "../../address/parse-address.ts";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { isMissing } from "../../lib/disk/errors.ts";
import type { SessionSummary } from "../../lib/store.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { factsJson } from "../look/facts-json.ts";
import { browserWords, holderWords, kindWords, stateMeaning, stateWords } from "../look/session-words.ts";
import { withExamples, withStore } from "../options.ts";
import { quoted } from "../terminal/quoted.ts";
import { type Column, table } from "../terminal/table.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";

interface ListOptions extends CommonOptions {
  readonly long?: boolean;
  readonly all?: boolean;
  readonly names?: boolean;
}

export function addLs(program: Command, cli: Cli): void {
  const command = withStore(program.command("ls"))
    .description("List the sessions of a store: what they are, when they were saved, and which process has them.")
    .helpGroup("Look:")
    .option("-l, --long", "more of each session: browser, key, kept generations, times")
    .option("-a, --all", "all names, also those of which nothing is stored")
    .option("--names", "only the names, one a line: one request, however many there are")
    .action((options: ListOptions) => list(cli, options));
  withExamples(command, [
    ["ls --store file:./sessions", "the sessions of a directory"],
    ["ls --long", "more of each one, of the store that WA_VAULT_STORE names"],
    [`ls --store ${quoted("s3://bucket/bots?region=eu-central-1")} --json`, "those of a bucket, for a script"],
  ]);
}

async function list(cli: Cli, options: ListOptions): Promise<void> {
  const store = await cli.store(options);
  if (options.names) return await listNames(cli, store, options);
  const found = await cli.progress(async (show) => {
    const sessions: SessionSummary[] = [];
    for await (const one of store.sessions({ details: true, signal: cli.signal })) {
      sessions.push(one);
      show(`${sessions.length} sessions`);
    }
    return sessions.sort((a, b) => (a.session < b.session ? -1 : 1));
  });
  const shown = found.filter((one) => options.all || one.problem || one.saved);
  if (options.json) {
    return cli.json({ store: store.address, sessions: shown.map(factsJson) });
  }
  const rows = table(shown, columns(cli, options.long ?? false), cli.out.width);
  if (shown.length > 0) for (const line of rows) cli.out.line(line);
  else await tellNone(cli, store);
  const hidden = found.length - shown.length;
  if (hidden > 0) {
    const names =
      hidden === 1 ? "1 name of which nothing is stored is" : `${hidden} names of which nothing is stored are`;
    cli.note(cli.err.paint("faint", `${names} not shown: --all shows them.`));
  }
}

async function listNames(cli: Cli, store: AddressedStore, options: ListOptions): Promise<void> {
  const names: string[] = [];
  for await (const name of store.sessions({ signal: cli.signal })) names.push(name);
  names.sort();
  if (options.json) cli.json({ store: store.address, names });
  else if (names.length === 0) await tellNone(cli, store);
  else cli.out.write(`${names.join("\n")}\n`);
}

function columns(cli: Cli, isLong: boolean): Column<SessionSummary>[] {
  const now = Date.now();
  const paint = (text: string, row: SessionSummary): string => {
    const meaning = stateMeaning(row);
    return meaning === undefined ? text : cli.out.paint(meaning, text);
  };
  const faint = (text: string, row: SessionSummary): string => (row.deleted ? cli.out.paint("faint", text) : text);
  const all: (Column<SessionSummary> & { readonly isLong?: true })[] = [
    { title: "SESSION", of: ({ session }) => session, paint },
    { title: "KIND", of: ({ kind }) => kindWords(kind), paint: faint },
    { title: "SAVED", of: ({ saved }) => (saved ? ageWords(saved.at, now) : ""), paint: faint },
    { title: "SIZE", align: "right", of: ({ saved }) => (saved ? sizeWords(saved.bytes) : ""), paint: faint },
    { title: "GEN", align: "right", of: ({ saved }) => (saved ? String(saved.generation) : ""), paint: faint },
    { title: "KEPT", align: "right", of: ({ generations }) => String(generations ?? ""), isLong: true },
    { title: "CHANGED", of: ({ changedAt }) => (changedAt ? ageWords(changedAt, now) : ""), isLong: true },
    { title: "LINKED", of: ({ oldestAt }) => (oldestAt ? `${ageWords(oldestAt, now)} or before` : ""), isLong: true },
    { title: "BROWSER", of: ({ profile }) => (profile ? browserWords(profile) : ""), isLong: true },
    { title: "HELD BY", of: (row) => (row.problem ? "" : holderWords(row, now)) },
    {
      title: "ENCRYPTED",
      of: ({ saved }) => (saved?.keyId === undefined ? "" : isLong ? `key ${saved.keyId}` : "yes"),
    },
    { title: "STATE", of: (row) => stateWords(row, now), paint },
  ];
  return all.filter((column) => isLong || !column.isLong);
}

/** A directory that is written wrongly looks like an empty store. */
async function tellNone(cli: Cli, { address }: AddressedStore): Promise<void> {
  if (address.startsWith("file:")) {
    const { path } = parseAddress(address);
    const isThere = await stat(path).then(
      () => true,
      (error: unknown) => !isMissing(error),
    );
    if (!isThere) return cli.warn(`There is no directory ${path}: nothing was ever saved there.`);
  }
  cli.note(`${address} has no sessions.`);
}
