import type { Renewals } from "../../lib/vault/lease/renewals.ts";
import { processTimer } from "../../lib/vault/lease/shared-timer.ts";

/** The leases that this process renews, or has renewed, since they were last ended. */
const renewed = new Set<object>();
const set = processTimer.set.bind(processTimer);

processTimer.set = (owner, at, run): void => {
  renewed.add(owner);
  set(owner, at, run);
};

/**
 * Ends the renewals of leases that a test has not released: its store ends with it. Also one that is under way, whose
 * store may not answer: it would tell of that while the tests of another file listen.
 */
export function endRenewals(): void {
  for (const lease of renewed) {
    if (isRenewals(lease)) lease.stop();
    processTimer.clear(lease);
  }
  renewed.clear();
}

function isRenewals(owner: object): owner is Renewals {
  return "stop" in owner && typeof owner.stop === "function";
}
