import type { FileHandle } from "node:fs/promises";
import type { DescribedPlace } from "../../disk/file-source.ts";

/** The work of other threads that reads by descriptors of this one: a descriptor is closed only once its work has ended. */
export class DescriptorUses {
  readonly #uses = new Map<FileHandle, Set<Promise<unknown>>>();
  /** The descriptors that are about to be closed. */
  readonly #ended = new WeakSet<FileHandle>();

  /**
   * Runs `work` with the descriptor.
   * @param position where the source begins in the file
   * @returns `undefined`, without running it, when the descriptor is about to be closed
   */
  run<T>(handle: FileHandle, position: number, work: (place: DescribedPlace) => Promise<T>): Promise<T> | undefined {
    if (this.#ended.has(handle)) return undefined;
    const uses = this.#uses.get(handle) ?? new Set();
    this.#uses.set(handle, uses);
    const use = work({ fd: handle.fd, position }).finally(() => {
      uses.delete(use);
      if (uses.size === 0) this.#uses.delete(handle);
    });
    uses.add(use);
    return use;
  }

  /** Whether somebody uses the descriptor. */
  has(handle: FileHandle): boolean {
    return this.#uses.has(handle);
  }

  /**
   * To be awaited before the descriptor is closed: nobody is given it from now on. Resolves once nobody uses it. Never
   * rejects. (A number that was closed may soon be that of another file.)
   */
  async end(handle: FileHandle): Promise<void> {
    this.#ended.add(handle);
    await Promise.allSettled(this.#uses.get(handle) ?? []);
  }
}
