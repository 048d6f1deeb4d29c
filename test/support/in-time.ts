/** The end of a process that got a signal is held up for 30 s at most: whoever took longer may have been cut short. */
export const SIGNAL_LIMIT_MS = 29_000;

/**
 * For what has a limit of its own, which a busy machine may exceed at random: up to `rounds` of them, until one was
 * `inTime`. The last one counts, whatever it was.
 */
export async function inTime<T extends { inTime: boolean }>(round: () => Promise<T>, rounds = 3): Promise<T> {
  for (let n = 1; ; n++) {
    const result = await round();
    if (result.inTime || n === rounds) return result;
  }
}
