import { type Command, Option } from "commander";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { type CopyReport, copySession } from "../../lib/copy-session.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { SessionFacts } from "../../lib/store.ts";
import { sayingHowToWait, untilFree, type WaitOptions, withWait } from "../change/lease.ts";
import { each, oneOrAll, outcomeJson, throwFailed } from "../change/many.ts";
import { newNameOf } from "../change/new-name.ts";
import { sayingOtherPhone } from "../change/other-phone.ts";
import { factsOf, refuseAbsent, sessionWords } from "../change/session.ts";
import type { Cli, CommonOptions, TargetOptions } from "../cli.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { sizeWords } from "../terminal/words.ts";

interface CopyOptions extends CommonOptions, WaitOptions, TargetOptions {
  readonly as?: string;
  readonly all?: boolean;
  readonly replace?: boolean;
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
  const command = withWait(withChange(withStore(program.command("copy"))))
    .description("Copy a session to another store, and compare. The source is left alone.")
    .argument("[session]", "name of the session")
    .option("--to <address>", "address of the other store, without a password [env: WA_VAULT_TO_STORE]")
    .addOption(new Option("--as <name>", "its name there").conflicts("all"))
    .option("--all", "all sessions; one that fails stops no other")
    .option("--replace", "also where the other store has another version")
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
  const there = await to.facts({ session, signal: cli.signal });
  const told = { store: from.address, session, fromSession, to: to.address };
  const place = `${to.address}${session === fromSession ? "" : ` as ${session}`}`;
  if (options.dryRun) {
    if (options.json) return cli.json({ ...told, dryRun: true, facts, there });
    return cli.out.line(`Would copy ${sessionWords(facts)} to ${place}${thereWords(there)}.`);
  }
  if (options.replace && isThere(there)) {
    await cli.confirm(`Replace ${sessionWords(there)} of ${to.address} by ${sessionWords(facts)}?`, options);
  }
  const report = await cli.progress((show) => copyOne(cli, stores, { session, fromSession }, options, show));
  if (options.json) return cli.json({ ...told, ...reported(report) });
  const size = sizeWords(report.bytes);
  cli.out.line(
    report.unchanged ? `${place} has exactly this already (${size}).` : `Copied ${fromSession} to ${place} (${size}).`,
  );
}

async function copyAll(cli: Cli, stores: Stores, options: CopyOptions): Promise<void> {
  const { from, to } = stores;
  const { signal } = cli;
  if (from.address === to.address) throw new VaultError("INVALID", "Both stores are the same.");
  const found: { session: string; left?: string; words: string }[] = [];
  for await (const one of from.sessions({ details: true, signal })) {
    const left = one.problem ? undefined : one.deleted ? "deleted" : one.saved ? undefined : "nothing saved";
    const words = one.problem ? `${one.session} (${one.problem.code})` : sessionWords(one);
    found.push({ session: one.session, words, ...(left ? { left } : {}) });
  }
  found.sort((a, b) => (a.session < b.session ? -1 : 1));
  const wanted = found.filter(({ left }) => left === undefined);
  const left = found.flatMap((one) => (one.left ? [{ session: one.session, left: one.left }] : []));
  const told = { store: from.address, to: to.address };
  if (options.dryRun) {
    if (options.json) {
      const sessions = wanted.map(({ session }) => ({ session }));
      return cli.json({ ...told, dryRun: true, sessions, left });
    }
    for (const { words } of wanted) cli.out.line(`Would copy ${words} to ${to.address}.`);
    for (const one of left) cli.note(`${one.session} would be left out: ${one.left}.`);
    return;
  }
  if (options.replace) {
    await cli.confirm(`Replace what ${to.address} has of ${wanted.length} sessions of ${from.address}?`, options);
  }
  const outcomes = await cli.progress((show) =>
    each(
      cli,
      wanted.map(({ session }) => session),
      async (session) => reported(await copyOne(cli, stores, { session, fromSession: session }, options, show)),
    ),
  );
  if (options.json) cli.json({ ...told, sessions: outcomes.map(outcomeJson), left });
  else {
    for (const { session, result, error } of outcomes) {
      if (error) cli.out.line(`${session}: ${error.code}: ${error.message}`);
      else if (result?.unchanged) cli.out.line(`${session} was there already.`);
      else cli.out.line(`Copied ${session} (${sizeWords(result?.bytes ?? 0)}).`);
    }
    for (const one of left) cli.note(`${one.session} was left out: ${one.left}.`);
  }
  throwFailed(outcomes, "copied");
}

async function copyOne(
  cli: Cli,
  { from, to }: Stores,
  { session, fromSession }: { session: string; fromSession: string },
  options: CopyOptions,
  show: (text: string) => void,
): Promise<CopyReport> {
  const { replace, otherPhone, allowOlder, force } = options;
  if (!force) await untilFreeOfRecords(cli, from, fromSession, options);
  await untilFree(cli, { store: to, session }, options);
  try {
    const call = { from, to, session, fromSession, replace, otherPhone, allowOlder, force, signal: cli.signal };
    const onProgress = ({ step }: { step: string }): void => show(`${step} ${fromSession}`);
    return await sayingHowToWait(session, () => sayingOtherPhone(() => copySession({ ...call, onProgress })));
  } catch (cause) {
    // The hints of the library name its options.
    if (isVaultError(cause, "CONFLICT") && !replace)
      throw withHint(cause, "With `--replace` the source's version takes its place.");
    if (isVaultError(cause, "CORRUPT") && !allowOlder && cause.hint?.includes("allowOlder")) {
      throw withHint(cause, "Nothing was copied. `--allow-older` copies the newest whole version before it.");
    }
    throw cause;
  }
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

function isThere(facts: SessionFacts | undefined): facts is SessionFacts {
  return facts?.saved !== undefined && facts.deleted === undefined;
}

function thereWords(there: SessionFacts | undefined): string {
  return isThere(there) ? `, which has ${sessionWords(there)}` : "";
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

function withHint({ code, message, cause }: VaultError, hint: string): VaultError {
  return new VaultError(code, message, { cause, hint });
}
