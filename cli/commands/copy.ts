import { type Command, Option } from "commander";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { type CopyReport, copySession } from "../../lib/copy-session.ts";
import { VaultError } from "../../lib/errors.ts";
import { type Compared, compared, comparedJson, comparedWords } from "../change/compare.ts";
import { sayingHowToCopy } from "../change/copy-hints.ts";
import { untilFree, type WaitOptions, withWait } from "../change/lease.ts";
import { each, type LeftOut, oneOrAll, outcomeJson, throwFailed } from "../change/many.ts";
import { newNameOf } from "../change/new-name.ts";
import { type ReplaceOptions, unlessReplaced, withReplace } from "../change/replace.ts";
import { unlessSeenReplaced } from "../change/seen-version.ts";
import { factsOf, refuseAbsent, sessionWords } from "../change/session.ts";
import type { Cli, TargetOptions } from "../cli.ts";
import { factsJson } from "../look/facts-json.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { NEW_SESSION, SESSION } from "../session-argument.ts";
import { sizeWords } from "../terminal/words.ts";

interface CopyOptions extends ReplaceOptions, WaitOptions, TargetOptions {
  readonly as?: string;
  readonly all?: boolean;
  readonly otherPhone?: boolean;
  readonly allowOlder?: boolean;
  readonly force?: boolean;
}

/** The stores of one copy. */
interface Stores {
  readonly from: AddressedStore;
  readonly to: AddressedStore;
}

export function addCopy(program: Command, cli: Cli): void {
  const command = withWait(withReplace(withChange(withStore(program.command("copy")))))
    .description("Copy a session to another store, and compare. The source is left alone.")
    .argument("[session]", SESSION)
    .option("--to <address>", "address of the other store, without a password [env: WA_VAULT_TO_STORE]")
    .addOption(new Option("--as <name>", `${NEW_SESSION} that it goes to`).conflicts("all"))
    .option("-a, --all", "all sessions; one that fails stops no other")
    .option("--other-phone", "with --replace, also the session of another phone")
    .option("--allow-older", "an older version where the newest one is damaged")
    .option("--force", "a session of Baileys although a process has it: one that is gone for certain")
    .option("--to-unencrypted", "store it without encryption [else: WA_VAULT_TO_KEY, or the key of the source]")
    .helpGroup("Keep:")
    .action((given: string | undefined, options: CopyOptions) => copy(cli, given, options));
  withExamples(command, [
    ["copy support --store file:./sessions --to s3://bucket/bots", "one session, from a directory to a bucket"],
    ["copy --all --to file:/mnt/backup", "all sessions of WA_VAULT_STORE"],
    ["copy support --as support-2 --to file:./sessions", "under another name"],
  ]);
}

async function copy(cli: Cli, given: string | undefined, options: CopyOptions): Promise<void> {
  oneOrAll(given, options.all);
  const stores = { from: await cli.store(options), to: await cli.targetStore(options) };
  if (given === undefined) return await copyAll(cli, stores, options);
  const { from, to } = stores;
  const { session: fromSession, facts } = await factsOf(cli, from, given);
  refuseAbsent("copy", facts);
  const session = options.as === undefined ? fromSession : newNameOf(fromSession, options.as);
  if (from.address === to.address && session === fromSession) {
    throw new VaultError("INVALID", `${fromSession} would be copied onto itself.`, {
      hint: "Name another store by `--to`, or another name by `--as`.",
    });
  }
  const told = { store: from.address, session: fromSession, to: to.address, newSession: session };
  const place = `${to.address}${session === fromSession ? "" : ` as ${session}`}`;
  if (options.dryRun) {
    const found = await compareOne(cli, stores, { session, fromSession }, options);
    if (options.json) {
      const target = comparedJson(found, options, false);
      return cli.json({ ...told, dryRun: true, facts: factsJson(facts), ...target });
    }
    if (found.unchanged) return cli.out.line(`${place} has exactly this already: ${sessionWords(facts)}.`);
    const words = comparedWords(cli, found, options, false);
    return cli.out.line(`Would copy ${sessionWords(facts)} to ${place}.${words}`);
  }
  const question = async (there: string): Promise<string> => {
    // A bot that was waited for has saved once more.
    const now = await from.facts({ session: fromSession, signal: cli.signal });
    return `Replace ${there} of ${to.address} by ${sessionWords(now ?? facts)}?`;
  };
  const report = await unlessSeenReplaced(cli, { store: to, session }, question, options, (replace, target) =>
    cli.progress((show) => copyOne(cli, { from, to: target }, { session, fromSession }, { ...options, replace }, show)),
  );
  if (options.json) return cli.json({ ...told, ...reported(report) });
  const size = sizeWords(report.bytes);
  cli.out.line(
    report.unchanged ? `${place} has exactly this already (${size}).` : `Copied ${fromSession} to ${place} (${size}).`,
  );
}

async function copyAll(cli: Cli, stores: Stores, options: CopyOptions): Promise<void> {
  const { from, to } = stores;
  if (from.address === to.address) throw new VaultError("INVALID", "Both stores are the same.");
  const { wanted, left } = await listed(cli, from);
  const told = { store: from.address, to: to.address };
  if (options.dryRun) return await dryRunOfAll(cli, stores, wanted, left, options);
  const outcomes = await cli.progress((show) =>
    each(
      cli,
      wanted.map(({ session }) => session),
      async (session) =>
        await unlessReplaced(cli, undefined, options, async (replace) =>
          reported(await copyOne(cli, stores, { session, fromSession: session }, { ...options, replace }, show)),
        ),
    ),
  );
  if (options.json) cli.json({ ...told, sessions: outcomes.map(outcomeJson), left });
  else {
    for (const { session, result, error } of outcomes) {
      if (error) cli.out.line(`${session}: ${error.code}: ${error.message}`);
      else if (result?.unchanged) cli.out.line(`${session} was there already.`);
      else cli.out.line(`Copied ${session} (${sizeWords(result?.bytes ?? 0)}).`);
    }
    for (const { session, reason } of left) cli.note(`${session} was left out: ${reason}.`);
  }
  throwFailed(outcomes, "copied");
}

/** A session that is copied with all others, and in words what it is. */
interface Listed {
  readonly session: string;
  readonly words: string;
  /** Why it cannot be read: it fails as it is copied. */
  readonly problem?: VaultError;
}

/** The sessions of a store, by name: those that can be copied, and those that are left out. */
async function listed(cli: Cli, from: AddressedStore): Promise<{ wanted: Listed[]; left: LeftOut[] }> {
  const wanted: Listed[] = [];
  const left: LeftOut[] = [];
  for await (const one of from.sessions({ details: true, signal: cli.signal })) {
    const { session } = one;
    if (one.problem) wanted.push({ session, words: session, problem: one.problem });
    else if (one.deleted) left.push({ session, reason: "deleted" });
    else if (!one.saved) left.push({ session, reason: "nothing saved" });
    else wanted.push({ session, words: sessionWords(one) });
  }
  const byName = (a: { session: string }, b: { session: string }): number => (a.session < b.session ? -1 : 1);
  return { wanted: wanted.sort(byName), left: left.sort(byName) };
}

async function dryRunOfAll(
  cli: Cli,
  stores: Stores,
  wanted: readonly Listed[],
  left: readonly LeftOut[],
  options: CopyOptions,
): Promise<void> {
  const { from, to } = stores;
  const byName = new Map(wanted.map((one) => [one.session, one]));
  const outcomes = await each(cli, [...byName.keys()], async (session) => {
    const problem = byName.get(session)?.problem;
    if (problem) throw problem;
    return await compareOne(cli, stores, { session, fromSession: session }, options);
  });
  if (options.json) {
    const sessions = outcomes.map(({ session, result, error }) =>
      outcomeJson({ session, error, result: result && comparedJson(result, options, true) }),
    );
    cli.json({ store: from.address, to: to.address, dryRun: true, sessions, left });
  } else {
    for (const { session, result, error } of outcomes) {
      if (error) cli.out.line(`${session}: ${error.code}: ${error.message}`);
      else if (result?.unchanged) cli.out.line(`${session} is there already, exactly so.`);
      else if (result) {
        const there = comparedWords(cli, result, options, true);
        cli.out.line(`Would copy ${byName.get(session)?.words} to ${to.address}.${there}`);
      }
    }
    for (const { session, reason } of left) cli.note(`${session} would be left out: ${reason}.`);
  }
  throwFailed(outcomes, "copied if this were no dry run");
}

/** What the target has of a session, compared with the source. */
async function compareOne(
  cli: Cli,
  { from, to }: Stores,
  { session, fromSession }: { session: string; fromSession: string },
  { allowOlder, force, store }: CopyOptions,
): Promise<Compared> {
  return await cli.progress((show) => {
    const onProgress = ({ step }: { step: string }): void => show(`${step} ${fromSession}`);
    const call = { from, fromSession, allowOlder, force, onProgress };
    return sayingHowToCopy({ session, fromSession, to, store }, () => compared(cli, to, session, call));
  });
}

async function copyOne(
  cli: Cli,
  { from, to }: Stores,
  { session, fromSession }: { session: string; fromSession: string },
  options: CopyOptions,
  show: (text: string) => void,
): Promise<CopyReport> {
  const { replace, otherPhone, allowOlder, force, store } = options;
  if (!force) await untilFreeOfRecords(cli, from, fromSession, options);
  await untilFree(cli, { store: to, session }, { ...options, store: to.address });
  const call = { from, to, session, fromSession, replace, otherPhone, allowOlder, force, signal: cli.signal };
  const onProgress = ({ step }: { step: string }): void => show(`${step} ${fromSession}`);
  return await sayingHowToCopy({ session, fromSession, to, store }, () => copySession({ ...call, onProgress }));
}

/** A browser's session is copied while its bot runs; one of Baileys only at rest. */
async function untilFreeOfRecords(
  cli: Cli,
  store: AddressedStore,
  session: string,
  options: WaitOptions,
): Promise<void> {
  if (!options.wait) return;
  const state = await store.state({ session, signal: cli.signal });
  if (state?.kind === "records") await untilFree(cli, { store, session }, options);
}

/** What programs are told of a copy. */
interface Copied {
  readonly unchanged: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly ms: number;
  readonly skipped?: CopyReport["skipped"];
  readonly heldBy?: string;
}

function reported({ files, bytes, unchanged, skipped, heldBy, ms }: CopyReport): Copied {
  const odd = { ...(skipped.length > 0 ? { skipped } : {}), ...(heldBy === undefined ? {} : { heldBy }) };
  return { unchanged, files, bytes, ...odd, ms: Math.round(ms) };
}
