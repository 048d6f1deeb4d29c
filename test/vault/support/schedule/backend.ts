/** A store in memory on which each effect happens at one moment, so that what must hold can be checked right after it. */
export class Backend {
  readonly exclusiveCreate: boolean;
  readonly #blobs = new Map<string, Buffer>();
  /** Called after each put that took effect. */
  onPut: (key: string, bytes: Buffer, before: Buffer | undefined) => void = () => {};
  /** Called after each delete that took effect. */
  onDelete: (keys: readonly string[]) => void = () => {};

  constructor({ exclusiveCreate }: { exclusiveCreate: boolean }) {
    this.exclusiveCreate = exclusiveCreate;
  }

  /** The very bytes that were put. */
  get(key: string): Buffer | undefined {
    return this.#blobs.get(key);
  }

  has(key: string): boolean {
    return this.#blobs.has(key);
  }

  /** @returns whether it was put: not where it is to be created, and is there */
  put(key: string, bytes: Buffer, ifAbsent: boolean): boolean {
    const before = this.#blobs.get(key);
    if (ifAbsent && before && this.exclusiveCreate) return false;
    this.#blobs.set(key, bytes);
    this.onPut(key, bytes, before);
    return true;
  }

  delete(keys: readonly string[]): void {
    const gone = keys.filter((key) => this.#blobs.delete(key));
    if (gone.length > 0) this.onDelete(gone);
  }

  /** Removes a key as a store does that loses it: nobody is told. */
  lose(key: string): void {
    this.#blobs.delete(key);
  }

  keys(prefix: string): string[] {
    return [...this.#blobs.keys()].filter((key) => key.startsWith(prefix));
  }
}
