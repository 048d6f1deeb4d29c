// `cli/change` holds what the commands share that change a session: what is told of it before it is changed, who has it,
// and the lease under which it is changed.
import type { AddressedStore } from "../../address/store-from-url.ts";
import { VaultError } from "../../lib/errors.ts";
import type { SessionFacts } from "../../lib/store.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { sessionMeant } from "../session-argument.ts";
import { ageWords, leftWords, sizeWords } from "../terminal/words.ts";

/** A session that is to be changed, as it is before. */
export interface MeantSession {
  readonly store: AddressedStore;
  readonly session: string;
  readonly facts: SessionFacts;
}

/** Opens the store, and finds the session that a person means. @throws as {@link sessionMeant}, and as the store */
export async function openSession(cli: Cli, given: string, options: CommonOptions): Promise<MeantSession> {
  const store = await cli.store(options);
  return await factsOf(cli, store, given);
}

/** As {@link openSession}, in a store that is open. */
export async function factsOf(cli: Cli, store: AddressedStore, given: string): Promise<MeantSession> {
  const { signal } = cli;
  const session = await sessionMeant(store, given, { signal });
  const facts = await store.facts({ session, signal });
  if (facts !== undefined) return { store, session, facts };
  throw new VaultError("ABSENT", `There is no session ${session} any more.`);
}

/** A session for a person: `RemoteAuth-support (8.2 MB, saved 5 min ago, 3 generations, held by host:12)`. */
export function sessionWords({ session, saved, generations, deleted, lease }: SessionFacts): string {
  const facts = [
    ...(saved ? [sizeWords(saved.bytes), `saved ${ageWords(saved.at)}`] : ["nothing saved"]),
    ...(generations > 1 ? [`${generations} generations`] : []),
    ...(deleted ? [`deleted ${ageWords(deleted.at)}`] : []),
    ...(lease ? [`held by ${lease.owner}`] : []),
  ];
  return `${session} (${facts.join(", ")})`;
}

/** Until when a deletion can be taken back, for a person. */
export function untilWords(until: Date, now: number = Date.now()): string {
  const leftMs = until.getTime() - now;
  return `until ${minuteOf(until)}${leftMs > 0 ? ` (${leftWords(leftMs)})` : ""}`;
}

/** A time for a person: `2026-11-28 10:01 UTC`. */
export function minuteOf(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Of a deleted session, how it comes back. */
export function undeleteHint({ session, saved, deleted }: SessionFacts): string {
  // Whether its time is over the store knows, which goes by more clocks than this one.
  if (!saved || !deleted) return "Nothing is left of it.";
  return `\`wa-vault undelete ${session}\` brings it back, ${untilWords(deleted.until)}.`;
}

/** @throws `ABSENT` when the session is deleted, or nothing was ever saved for it */
export function refuseAbsent(doing: string, facts: SessionFacts): void {
  const { session, saved, deleted } = facts;
  if (deleted) {
    throw new VaultError("ABSENT", `Could not ${doing} ${session}: it was deleted ${ageWords(deleted.at)}.`, {
      hint: undeleteHint(facts),
    });
  }
  if (!saved) throw new VaultError("ABSENT", `Could not ${doing} ${session}: nothing was ever saved for it.`);
}
