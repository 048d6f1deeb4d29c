import { processTimer } from "../../lib/vault/lease/shared-timer.ts";

/** The leases that this process renews, or has renewed, since they were last ended. */
const renewed = new Set<object>();
const set = processTimer.set.bind(processTimer);

processTimer.set = (owner, at, run): void => {
  renewed.add(owner);
  set(owner, at, run);
};

/** Ends the renewals of leases that a test has not released: its store ends with it. */
export function endRenewals(): void {
  for (const lease of renewed) processTimer.clear(lease);
  renewed.clear();
}
