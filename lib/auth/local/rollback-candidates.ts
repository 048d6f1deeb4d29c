/** How long before a page asks for a link it may have lost its credentials, in ms: Local Storage is written that late. */
const DOUBTFUL_MS = 60_000;
/** So many are remembered beside the first; a store keeps fewer. */
const REMEMBERED = 50;

/** The stored generations of one link, oldest first: the one that a run has opened, and those that it saved. */
export class Lineage {
  #generations: { readonly generation: number; readonly at: number }[];

  constructor(opened?: number | undefined) {
    this.#generations = opened === undefined ? [] : [{ generation: opened, at: Number.NEGATIVE_INFINITY }];
  }

  add(generation: number): void {
    if (this.#generations.at(-1)?.generation === generation) return;
    const [first, ...rest] = [...this.#generations, { generation, at: performance.now() }];
    // However many saves there were within the last minute: the first is what they are stepped back to.
    if (first) this.#generations = [first, ...rest.slice(-REMEMBERED)];
  }

  /**
   * A page that was linked asks for a link: its credentials may have been gone when the last generations were saved.
   * @returns those before them; none when there is nothing to go back from, or nothing to go back to
   */
  beforeDoubt(now: number = performance.now()): number[] {
    const trusted = this.#generations.filter(({ at }) => now - at > DOUBTFUL_MS);
    // Where all are as new as that, the first is the least in doubt.
    const before = trusted.length > 0 ? trusted : this.#generations.slice(0, 1);
    return before.length === this.#generations.length ? [] : before.map(({ generation }) => generation);
  }
}
