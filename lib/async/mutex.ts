import { withSignal } from "./deadline.ts";

/** Ends a turn; twice is once. */
export type EndTurn = () => void;

/** One at a time, in the order they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when everybody who has come so far has ended. */
  async idle(signal: AbortSignal): Promise<void> {
    await withSignal(this.#last, signal);
  }

  /** Waits for a turn. When the signal aborts, it is given up. */
  async take(signal: AbortSignal): Promise<EndTurn> {
    const before = this.#last;
    let end: EndTurn = () => {};
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last = before.then(() => mine);
    try {
      await withSignal(before, signal);
    } catch (cause) {
      end();
      throw cause;
    }
    return end;
  }
}

/** Takes a turn of each. */
export async function takeAll(queues: readonly Turns[], signal: AbortSignal): Promise<EndTurn> {
  const ends: EndTurn[] = [];
  const endAll = (): void => {
    for (const end of ends) end();
  };
  try {
    for (const queue of queues) ends.push(await queue.take(signal));
  } catch (cause) {
    endAll();
    throw cause;
  }
  return endAll;
}

const byPath = new Map<string, Turns>();

/** The turns of these files in this process, always in the same order: nobody waits in a circle. */
export function turnsAt(paths: readonly string[]): Turns[] {
  return [...new Set(paths)].sort().map((path) => {
    const turns = byPath.get(path) ?? new Turns();
    byPath.set(path, turns);
    return turns;
  });
}
