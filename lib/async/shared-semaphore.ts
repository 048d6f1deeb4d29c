/** Places that are taken and given back. */
export interface Places {
  /** Resolves once a place is taken; every `take` needs a `give`. Rejects with the signal's reason when it aborts. */
  take(signal?: AbortSignal): Promise<void>;
  give(): void;
}

interface Waiting {
  readonly share: Share;
  readonly turn: () => void;
}

/**
 * A number of places for several users. Each user has one more that is its own: whoever does not give common ones back,
 * because a server does not answer, slows the others down and never stops them. Who finds none free waits in one line.
 */
export class SharedSlots {
  #common: number;
  #size: number;
  readonly #line: Waiting[] = [];

  /** @param common the places beside those that each user has. */
  constructor(common: number) {
    this.#common = common;
    this.#size = common;
  }

  /** The places of one user. @param most how many it may have at once. @default no limit */
  share(most: number = Number.POSITIVE_INFINITY): Share {
    return new Share(this, most);
  }

  /** Makes it `common` places, when there were fewer. */
  grow(common: number): void {
    this.#common += Math.max(0, common - this.#size);
    this.#size = Math.max(common, this.#size);
    this.#serve();
  }

  /** Whether anybody waits. */
  get isBusy(): boolean {
    return this.#line.length > 0;
  }

  /** For {@link Share}. */
  async take(share: Share, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#line.splice(
          this.#line.findIndex((waiting) => waiting.turn === turn),
          1,
        );
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#line.push({ share, turn });
      this.#serve();
    });
  }

  /** For {@link Share}. */
  give(share: Share): void {
    // The last one that it gives is its own.
    if (--share.held > 0) this.#common++;
    this.#serve();
  }

  #serve(): void {
    for (let index = 0; index < this.#line.length; ) {
      const { share, turn } = this.#line[index] as Waiting;
      if (share.held >= share.most || (share.held > 0 && this.#common === 0)) {
        index++;
        continue;
      }
      if (share.held++ > 0) this.#common--;
      this.#line.splice(index, 1);
      turn();
    }
  }
}

/** What one user has of {@link SharedSlots}. */
export class Share implements Places {
  /** How many it has now. */
  held = 0;
  readonly most: number;
  readonly #slots: SharedSlots;

  constructor(slots: SharedSlots, most: number) {
    this.#slots = slots;
    this.most = most;
  }

  take(signal?: AbortSignal): Promise<void> {
    return this.#slots.take(this, signal);
  }

  give(): void {
    this.#slots.give(this);
  }
}
