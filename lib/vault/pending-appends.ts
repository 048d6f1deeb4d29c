/** The appends of one holder whose outcome is unknown: each may still take effect. */
export class PendingAppends {
  /** Numbers, by the ids of the entries. */
  readonly #numbers = new Map<string, number>();

  /** Whether the outcome of every append is known. */
  get isEmpty(): boolean {
    return this.#numbers.size === 0;
  }

  /** Numbers below `n`: given up. */
  below(n: number): number[] {
    return [...this.#numbers.values()].filter((number) => number < n);
  }

  /** Whether the entry with this id is pending. */
  has(id: string): boolean {
    return this.#numbers.has(id);
  }

  add({ id, n }: { id: string; n: number }): void {
    this.#numbers.set(id, n);
  }

  /** Entry `n` is in the log: a pending append of that number or a lower one can have no effect any more. */
  resolve(n: number): void {
    for (const [id, number] of this.#numbers) if (number <= n) this.#numbers.delete(id);
  }

  /**
   * Number of the entry after entry `n`. Where nothing is created exclusively, the number of a pending append is never
   * used again: that append could replace the entry that was committed there meanwhile.
   */
  numberAfter(n: number, { exclusiveCreate }: { exclusiveCreate: boolean }): number {
    return (exclusiveCreate ? n : Math.max(n, ...this.#numbers.values())) + 1;
  }
}
