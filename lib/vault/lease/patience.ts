import type { Clock } from "../clock.ts";

/** The longest time of requests that a lease can do without, in milliseconds. */
const PATIENCE_MS = 5_000;

/** Does `work` for a few seconds at most, and never rejects: for requests that a lease can do without. */
export async function withPatience(clock: Clock, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const [limit, ended] = [new AbortController(), new AbortController()];
  const patience = clock.sleep(PATIENCE_MS, ended.signal).then(
    () => limit.abort(),
    () => {},
  );
  await work(limit.signal).catch(() => {});
  ended.abort();
  await patience;
}
