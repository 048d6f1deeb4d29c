interface Event<What, Owner> {
  /** When it was to happen. */
  readonly due: number;
  /** When it happens at the earliest, as its owner is paused. */
  at: number;
  readonly order: number;
  readonly what: What;
  readonly owner: Owner | undefined;
  isCancelled: boolean;
}

/** Events in the order of their times; those of one time in the order in which they were added. */
export class EventQueue<What, Owner> {
  /** A binary heap: the children of `index` are at `2 * index + 1` and `2 * index + 2`. */
  readonly #heap: Event<What, Owner>[] = [];
  #order = 0;

  /** @returns a function that cancels the event */
  add(at: number, what: What, owner: Owner | undefined): () => void {
    const event = { due: at, at, order: this.#order++, what, owner, isCancelled: false };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /**
   * Takes the first event.
   * @param counts whether events of this owner may still happen.
   * @param pausedUntil the time before which no event of this owner may happen.
   */
  next(
    counts: (owner: Owner | undefined) => boolean,
    pausedUntil: (owner: Owner | undefined) => number,
  ): { at: number; what: What; owner: Owner | undefined } | undefined {
    for (;;) {
      const event = this.#pop();
      if (!event) return undefined;
      if (event.isCancelled || !counts(event.owner)) continue;
      const until = pausedUntil(event.owner);
      if (until <= event.at) return event;
      event.at = until;
      this.#push(event);
    }
  }

  /** To be called when an owner is paused for a shorter time than was said before. */
  refresh(): void {
    const events = this.#heap.splice(0);
    for (const event of events) {
      event.at = event.due;
      this.#push(event);
    }
  }

  #push(event: Event<What, Owner>): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[index] = heap[parent] as Event<What, Owner>;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): Event<What, Owner> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!last || last === first) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[index] = heap[child] as Event<What, Owner>;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Event<unknown, unknown> | undefined, other: Event<unknown, unknown> | undefined): boolean {
  if (!one || !other) return one !== undefined;
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
