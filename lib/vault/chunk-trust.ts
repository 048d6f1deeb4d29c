/**
 * Which chunks of a vault's backend nothing new may refer to, because they were found missing or damaged. One for all
 * sessions of a vault; kept in memory only.
 */
export class ChunkTrust {
  readonly #distrusted = new Set<string>();

  /**
   * From now on nothing new refers to the chunks at `keys`, until they are stored again.
   * @returns the keys that were trusted before.
   */
  distrust(keys: Iterable<string>): string[] {
    const news = [...new Set(keys)].filter((key) => !this.#distrusted.has(key));
    for (const key of news) this.#distrusted.add(key);
    return news;
  }

  /** The chunk at `key` was stored: it can be referred to again. */
  trust(key: string): void {
    this.#distrusted.delete(key);
  }

  /** Whether nothing is known to be wrong with the chunk at `key`. */
  isTrusted(key: string): boolean {
    return !this.#distrusted.has(key);
  }

  /** Whether nothing is known to be wrong with any of the chunks at `keys`. */
  areTrusted(keys: Iterable<string>): boolean {
    return [...keys].every((key) => this.isTrusted(key));
  }
}
