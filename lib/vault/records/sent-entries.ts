import type { Fold } from "./fold.ts";
import type { QueuedSet } from "./record-queue.ts";

/** What an entry that was sent says. */
export interface Sent {
  readonly sets: readonly QueuedSet[];
  readonly bytes: number;
  readonly fold: Fold | undefined;
  /** Whether a generation is kept no more, beside the one that the fold replaces. */
  readonly hasOverdue: boolean;
}

/** The entries that were sent since the last one that is in the log: each of them may have arrived. */
export class SentEntries {
  /** By id; `clear` where it deletes all records. */
  readonly #sent = new Map<string, Sent | "clear">();

  get ids(): string[] {
    return [...this.#sent.keys()];
  }

  /** An entry is sent. */
  add(id: string, sent: Sent | "clear"): void {
    this.#sent.set(id, sent === "clear" ? sent : { ...sent, sets: this.#shared(sent.sets) });
  }

  /** Whether one of them changes this record. */
  mayChange(key: string): boolean {
    // After a long outage they are many, with one list.
    const lists = new Set([...this.#sent.values()].map((sent) => (sent === "clear" ? sent : sent.sets)));
    return [...lists].some((sets) => sets === "clear" || sets.some(({ changes }) => changes.has(key)));
  }

  /** What the entry that has arrived says, unless it is of another; the others never will. */
  arrived(id: string): Sent | "clear" | undefined {
    const sent = this.#sent.get(id);
    this.#sent.clear();
    return sent;
  }

  /** The sets, in the list of the attempt before where that has the same: an outage can last for days. */
  #shared(sets: readonly QueuedSet[]): readonly QueuedSet[] {
    const before = [...this.#sent.values()].at(-1);
    if (before === undefined || before === "clear" || before.sets.length !== sets.length) return sets;
    return sets.every((set, index) => set === before.sets[index]) ? before.sets : sets;
  }
}
