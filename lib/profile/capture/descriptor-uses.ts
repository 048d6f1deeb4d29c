import type { FileHandle } from "node:fs/promises";
import type { DescribedPlace } from "../../disk/file-source.ts";

/** The work of other threads that reads by descriptors of this one: a descriptor is closed only once its work has ended. */
export class DescriptorUses {
  readonly #uses = new Map<FileHandle, Set<Promise<unknown>>>();

  /** Runs `work` with the descriptor. @param position where the source begins in the file */
  run<T>(handle: FileHandle, position: number, work: (place: DescribedPlace) => Promise<T>): Promise<T> {
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

  /** Resolves once nobody uses the descriptor, or any of them. Never rejects. */
  async ended(handle?: FileHandle): Promise<void> {
    const uses = handle ? (this.#uses.get(handle) ?? []) : [...this.#uses.values()].flatMap((each) => [...each]);
    await Promise.allSettled(uses);
  }
}
