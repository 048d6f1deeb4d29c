import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { SessionFacts } from "../../lib/store.ts";
import { type MeantSession, minuteOf, openSession } from "../change/session.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION } from "../session-argument.ts";
import { ageWords, durationWords } from "../terminal/words.ts";

type HeldFacts = NonNullable<SessionFacts["lease"]>;

/** How often one looks at most whether the lease is renewed, in milliseconds. */
const LOOK_MS = 1_000;
/** How long a lease lasts that nobody can read, in milliseconds: that of a store which is opened without `leaseTtlMs`. */
const TTL_MS = 60_000;

export function addUnlock(program: Command, cli: Cli): void {
  const command = withChange(withStore(program.command("unlock")))
    .description("End the lease that a bot has left whose machine is gone.")
    .argument("<session>", SESSION)
    .helpGroup("Repair:")
    .action((given: string, options: CommonOptions) => unlock(cli, given, options));
  withExamples(command, [
    ["unlock support", "show who has RemoteAuth-support, and end that lease unless it is renewed"],
    ["unlock support --dry-run", "only show who has it"],
  ]);
}

async function unlock(cli: Cli, given: string, options: CommonOptions): Promise<void> {
  const meant = await openSession(cli, given, options);
  const { store, session, facts } = meant;
  const told = { store: store.address, session };
  // Of a store that does not answer nobody knows whether a bot is alive.
  if (facts.leaseProblem && !["CORRUPT", "WRONG_KEY"].includes(facts.leaseProblem.code)) throw facts.leaseProblem;
  if (facts.leaseProblem) {
    cli.warn(`What is stored of the lease cannot be read: ${facts.leaseProblem.message}`);
  }
  const { lease } = facts;
  if (!lease && !facts.leaseProblem) {
    if (options.json) return cli.json({ ...told, unchanged: true });
    return cli.out.line(`Nobody has ${session}: a bot can take it.`);
  }
  if (options.dryRun) {
    if (options.json) return cli.json({ ...told, dryRun: true, lease });
    return cli.out.line(`Would end the lease of ${session}, unless it is renewed: ${leaseWords(lease)}.`);
  }
  const warning = "A bot that runs there ends: two bots with one session break it.";
  await cli.confirm(`End the lease of ${session}? ${leaseWords(lease)}. ${warning}`, options);
  const end = (show: (text: string) => void): Promise<void> => endLease(cli, meant, lease, show);
  await cli.progress(end);
  if (options.json) return cli.json({ ...told, unchanged: false, lease });
  cli.out.line(`Unlocked ${session}: a bot can take it now.`);
}

function leaseWords(lease: HeldFacts | undefined): string {
  if (!lease) return "Nobody can tell who has it";
  const { host, pid } = partsOf(lease.owner);
  const leftMs = lease.expiresAt.getTime() - Date.now();
  const ends =
    leftMs > 0 ? `ends in ${durationWords(leftMs)} unless it is renewed` : `has ended ${ageWords(lease.expiresAt)}`;
  return `Host ${host}, process ${pid}, has it since ${minuteOf(lease.since)}; the lease ${ends}`;
}

/** A host may have colons in its name. */
function partsOf(owner: string): { host: string; pid: string } {
  const at = owner.lastIndexOf(":");
  return { host: owner.slice(0, at), pid: owner.slice(at + 1) };
}

/**
 * Ends a lease whose owner gives no sign of life.
 * @throws `LEASE_HELD` when it does
 */
async function endLease(
  cli: Cli,
  meant: MeantSession,
  lease: HeldFacts | undefined,
  show: (text: string) => void,
): Promise<void> {
  const { store, session } = meant;
  const { signal } = cli;
  if (lease) {
    // An owner on this machine that has ended, and a lease that was not renewed in its time, are seen by the library.
    const taken = await store.acquire({ session, signal }).catch((error: unknown) => {
      if (!isVaultError(error, "LEASE_HELD")) throw error;
      return undefined;
    });
    if (taken) return await taken.release();
  }
  if (!(await watch(cli, meant, lease, show))) return;
  await store.breakLease({ session, ...(lease ? { holder: lease } : {}), signal });
}

/**
 * Looks for all of the lease's time whether it is renewed: a bot that was paused for a while, or whose store was slow, may
 * have missed one renewal, and is alive.
 * @returns whether there is a lease still. @throws `LEASE_HELD` when its owner is alive, or another one has come
 */
async function watch(
  cli: Cli,
  { store, session }: MeantSession,
  lease: HeldFacts | undefined,
  show: (text: string) => void,
): Promise<boolean> {
  const { signal } = cli;
  const { ttlMs = TTL_MS } = lease ?? {};
  const first = await store.facts({ session, signal });
  if (first && !first.lease && !first.leaseProblem) return false;
  if (first?.lease && isOther(first.lease, lease)) throw alive(session, first.lease);
  const until = performance.now() + ttlMs;
  for (let leftMs = ttlMs; leftMs > 0; leftMs = until - performance.now()) {
    show(`looking whether ${first?.lease?.owner ?? "somebody"} still renews it: ${durationWords(leftMs)}`);
    await sleep(Math.min(LOOK_MS, leftMs, ttlMs / 12), undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
    const now = await store.facts({ session, signal });
    if (!now || (!now.lease && !now.leaseProblem)) return false;
    if (!now.lease) continue;
    const isAlive =
      now.lease.renewals !== first?.lease?.renewals || now.changedAt.getTime() !== first?.changedAt.getTime();
    if (isAlive) throw alive(session, now.lease);
  }
  return true;
}

/** Whether it is not the lease that a person was shown. */
function isOther({ owner, since }: HeldFacts, shown: HeldFacts | undefined): boolean {
  return owner !== shown?.owner || since.getTime() !== shown.since.getTime();
}

function alive(session: string, { owner, expiresAt }: HeldFacts): VaultError {
  return new VaultError(
    "LEASE_HELD",
    `Could not unlock ${session}: ${owner} is running, and has just renewed its lease.`,
    {
      hint: `Nothing was changed: a bot that is alive would be thrown out. Stop ${owner}; it gives the session back when it ends in order.`,
      owner,
      expiresAt,
    },
  );
}
