import { Line } from "../async/line.ts";

/**
 * Sessions of the process that are worked on at once: more would take no less time, because they share its processors and
 * its disk, and each takes memory, descriptors and its share of the main thread.
 */
const AT_ONCE = 4;
/** A session whose disk or store has not answered for so long holds up no other one. */
const SLOW_MS = 3_000;
const WAIT_MS = 60_000;
/** How long a last save waits for others: the process may be killed soon. */
export const LAST_WAIT_MS = 500;

/** For saves, from the capture of a profile to its marker. */
export const saveLine: Line = new Line({ atOnce: AT_ONCE, slowMs: SLOW_MS, waitMs: WAIT_MS });

/** For the checks of local profiles beside the store: a start that has its answer does not wait for those of later ones. */
export const checkLine: Line = new Line({ atOnce: AT_ONCE, slowMs: SLOW_MS, waitMs: WAIT_MS });

/** For the starts of sessions, once the store has answered: the look at a local profile, and the restore of a stored one. */
export const startLine: Line = new Line({ atOnce: AT_ONCE, slowMs: SLOW_MS, waitMs: WAIT_MS });
