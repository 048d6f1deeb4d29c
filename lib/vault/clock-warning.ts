import type { LogState } from "./entry.ts";
import type { EntryFacts } from "./entry-draft.ts";
import { endsByWallAlone } from "./kept-until.ts";
import type { VaultLease } from "./lease.ts";
import { trustedTime } from "./trusted-time.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Leases under which it was said. */
const told = new WeakSet<VaultLease>();

/** Says once for each lease when data stay because the wall clock of this host, which is ahead, is doubted (see {@link trustedTime}). */
export function warnOfClock(lease: VaultLease, state: LogState, next: EntryFacts): void {
  const trusted = trustedTime(state, next);
  if (trusted === next || told.has(lease) || !endsByWallAlone(state, next, trusted)) return;
  told.add(lease);
  const days = Math.floor((next.at - trusted.at) / DAY_MS);
  lease.context.warn(
    `The clock of this host is ${days} days ahead of the newest entry of ${lease.session}, and no clock alone ends a time for ` +
      "which data are kept: they stay. If nobody has used the session for so long, all is well; else set the clock.",
  );
}
