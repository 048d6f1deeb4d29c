import type { Command } from "commander";
import type { AddressedStore } from "../../address/store-from-url.ts";
import type { CopyProgress } from "../../lib/copy-session.ts";
import { isVaultError } from "../../lib/errors.ts";
import type { GenerationInfo, SessionState } from "../../lib/store.ts";
import { endWords } from "../change/compare.ts";
import { type WaitOptions, withWait } from "../change/lease.ts";
import { type ReplaceOptions, withHint, withReplace } from "../change/replace.ts";
import { unlessSeenReplaced } from "../change/seen-version.ts";
import type { Cli } from "../cli.ts";
import { isThere, thereJson } from "../look/facts-json.ts";
import { withChange, withStore } from "../options.ts";
import { type Brought, type Incoming, incomingFrom } from "./incoming.ts";
import { type TriedOut, tryOut } from "./try-out.ts";
import { whenFree } from "./when-free.ts";
import { contentWords, stepWords } from "./words.ts";

export interface BringOptions extends ReplaceOptions, WaitOptions {
  readonly otherPhone?: boolean;
}

/** Adds the options of every command that brings a session from the disk into the store. */
export function withBringing(command: Command): Command {
  return withWait(withReplace(withChange(withStore(command)))).option(
    "--other-phone",
    "replace the session of another phone, too",
  );
}

/** Brings a session from the disk into the store: a session file, a zip, a profile, or the files of a Baileys bot. */
export async function bringIn(
  cli: Cli,
  place: string,
  given: string | undefined,
  options: BringOptions,
): Promise<void> {
  const store = await cli.store(options);
  const incoming = await incomingFrom(cli, place, given);
  const { session, kind, path, form, facts } = incoming;
  if (facts?.rejected) {
    cli.warn(`WhatsApp had refused the session in ${path} when it was exported: a bot may be asked to link again.`);
  }
  const told = { store: store.address, session, path, kind, form, ...facts };
  if (options.dryRun) {
    const found = await tryOut(cli, store, incoming);
    if (options.json) return cli.json({ ...told, dryRun: true, ...triedJson(found, options) });
    return cli.out.line(triedWords(cli, store, incoming, found, options));
  }
  const { before, ...report } = await bring(cli, store, incoming, options);
  const { files, bytes, unchanged, ms } = report;
  const now = await store.state({ session, signal: cli.signal });
  if (options.json) {
    const generation = now?.current?.generation;
    const replaced = before !== undefined && !unchanged;
    return cli.json({ ...told, generation, files, bytes, unchanged, replaced, ms: Math.round(ms) });
  }
  const what = contentWords(report, kind);
  if (unchanged) return cli.out.line(`${store.address} had ${session} exactly so (${what}): nothing was written.`);
  cli.out.line(`${store.address} has ${session} now (${what}), read back and compared.`);
  if (before) cli.out.line(`  ${keptWords(session, before, now)}`);
}

/** What became of the generation that was replaced: records are put together before, as a generation with another number. */
function keptWords(session: string, before: GenerationInfo, now: SessionState | undefined): string {
  const { kind, current, generations = [] } = now ?? {};
  const others = generations.filter(({ id, generation }) => id !== current?.id && generation >= before.generation);
  const kept = others.find(({ id }) => id === before.id) ?? (kind === "records" ? others.at(-1) : undefined);
  if (!kept) return "What it had is not kept.";
  const { generation } = kept;
  const how =
    kind === "records" ? `: \`wa-vault export ${session} --generation ${generation}\` writes it to a file` : "";
  return `What it had is kept as generation ${generation}${how}.`;
}

/** @returns with what the store had before */
async function bring(
  cli: Cli,
  store: AddressedStore,
  incoming: Incoming,
  options: BringOptions,
): Promise<Brought & { readonly before: GenerationInfo | undefined }> {
  const { session } = incoming;
  const { signal } = cli;
  const call = (overwrite: boolean, to: AddressedStore): Promise<Brought> =>
    cli.progress(async (show) => {
      const onProgress = (at: CopyProgress): void => show(stepWords(at));
      const otherPhone = options.otherPhone === true;
      return await incoming.bring({ to, overwrite, otherPhone, signal, onProgress });
    });
  const question = (there: string): string =>
    `Replace ${there} of ${store.address} by this one? What is stored is kept as an older version.`;
  // A bot that takes the session while the question is open may save another version: the person is asked about that anew.
  return await whenFree(cli, { store, session }, options, async () => {
    const before = (await store.state({ session, signal }))?.current;
    try {
      const report = await unlessSeenReplaced(cli, { store, session }, question, options, call);
      return { ...report, before };
    } catch (error) {
      if (!isVaultError(error, "CONFLICT") || !/another phone/.test(error.message)) throw error;
      throw withHint(
        error,
        "Nothing was changed. Name another session, or replace the session of that phone with `--other-phone`.",
      );
    }
  });
}

function isWanted({ replace, yes, otherPhone }: BringOptions, { isOtherPhone }: TriedOut): boolean {
  return (replace === true || yes === true) && (!isOtherPhone || otherPhone === true);
}

function triedJson(found: TriedOut, options: BringOptions): object {
  const { files, bytes, there, unchanged, isOtherPhone } = found;
  const replaces = isThere(there) && !unchanged && isWanted(options, found);
  return { files, bytes, there: thereJson(there), otherPhone: isOtherPhone, unchanged, replaces };
}

function triedWords(
  cli: Cli,
  { address }: AddressedStore,
  { session, kind }: Incoming,
  found: TriedOut,
  options: BringOptions,
): string {
  const what = contentWords(found, kind);
  if (found.unchanged) return `${address} has ${session} exactly so (${what}): nothing would be written.`;
  const words = `Would put ${session} (${what}) into ${address}.`;
  if (!isThere(found.there)) return words;
  const there = found.isOtherPhone ? "The session of another phone" : "Another version";
  return `${words} ${there} is there: ${endWords(cli, found.isOtherPhone, options, false)}.`;
}
