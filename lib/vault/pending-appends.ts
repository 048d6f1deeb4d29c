/** Appends of one holder of which nobody knows how they ended: each may still arrive. */
export class OpenAppends {
  /** Numbers, by the ids of the entries. */
  readonly #numbers = new Map<string, number>();

  /** Whether every append is known to have ended. */
  get none(): boolean {
    return this.#numbers.size === 0;
  }

  /** The highest number, 0 when there is none. */
  get last(): number {
    return Math.max(0, ...this.#numbers.values());
  }

  /** Numbers below `n`: given up. */
  below(n: number): number[] {
    return [...this.#numbers.values()].filter((number) => number < n);
  }

  /** Whether the entry with this id is one of them. */
  has(id: string): boolean {
    return this.#numbers.has(id);
  }

  add({ id, n }: { id: string; n: number }): void {
    this.#numbers.set(id, n);
  }

  /** Entry `n` is in the log: neither at its number nor before it can anything arrive that counts. */
  close(n: number): void {
    for (const [id, number] of this.#numbers) if (number <= n) this.#numbers.delete(id);
  }
}
