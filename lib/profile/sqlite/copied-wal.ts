import type { FileHandle } from "node:fs/promises";
import { type FileSource, readInto } from "../../disk/file-source.ts";
import type { FilePool } from "../capture/file-pool.ts";
import type { SpoolRegion } from "../capture/spool.ts";
import { concatSources, withCopyBuffer } from "../sources.ts";
import { WalScanner } from "./wal.ts";

/** The write-ahead log of a capture: scanned, and copied where SQLite may reset it while the capture is read. */
export class CopiedWal {
  readonly #pool: FilePool;
  readonly #isCopied: boolean;
  #region: SpoolRegion | undefined;
  /** Commits that came after the log was copied. */
  #laterRegions: SpoolRegion[] = [];
  #scanner: WalScanner = new WalScanner();
  /** The end of a log that is stored as it is, and therefore not copied; `undefined` for one that is copied. */
  #keptEnd: number | undefined;

  /** @param isCopied whether the log is copied; else it is scanned only */
  constructor(pool: FilePool, isCopied: boolean) {
    this.#pool = pool;
    this.#isCopied = isCopied;
  }

  get scanner(): WalScanner {
    return this.#scanner;
  }

  /** Whether nothing is copied, because the log is stored as it is. */
  get isKept(): boolean {
    return this.#keptEnd !== undefined;
  }

  /** The parts of the copy; `undefined` when there is none. */
  get regions(): readonly SpoolRegion[] | undefined {
    return this.#isCopied && this.#region ? [this.#region, ...this.#laterRegions] : undefined;
  }

  /** The copy; `undefined` when there is none. */
  get source(): FileSource | undefined {
    if (!this.#isCopied || this.#region === undefined) return undefined;
    return this.#laterRegions.reduce<FileSource>((all, region) => concatSources(all, region), this.#region);
  }

  /** Reads the log from its start, up to the last whole frame within its first `size` bytes. */
  async read(handle: FileHandle | undefined, size: number): Promise<void> {
    const scanner = new WalScanner();
    this.#begin(scanner);
    if (handle === undefined) return;
    if (this.#isCopied) this.#region = await this.#pool.region(size, this.#region);
    await withCopyBuffer(size, async (piece) => {
      for (let taken = 1; taken > 0 && scanner.next < size; ) {
        this.#pool.throwIfAborted();
        const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, size - scanner.next), scanner.next);
        taken = scanner.feed(piece.subarray(0, bytesRead));
        await this.#region?.append(piece.subarray(0, taken));
      }
    });
    this.#region?.truncate(scanner.end);
  }

  /**
   * Goes on from the end of a log that was scanned before.
   * @param isStored whether it is stored as it is: then it is copied only when it changes before the end of the capture
   */
  goOn(scanner: WalScanner, isStored: boolean): void {
    this.#begin(scanner);
    this.#region = undefined;
    if (isStored) this.#keptEnd = scanner.end;
  }

  #begin(scanner: WalScanner): void {
    this.#scanner = scanner;
    this.#laterRegions = [];
    this.#keptEnd = undefined;
  }

  /**
   * Copies the commits that are not copied yet.
   * @param isUnchanged whether the log is as it was when it was opened
   */
  async copyCommits(handle: FileHandle, isUnchanged: boolean): Promise<void> {
    // A commit that was found since counts, whatever the timestamps say.
    if (isUnchanged && this.#keptEnd === this.#scanner.end) return;
    this.#keptEnd = undefined;
    const copied = this.source?.size ?? 0;
    if (!this.#isCopied || copied >= this.#scanner.end) return;
    const region = await this.#pool.region(this.#scanner.end - copied);
    await withCopyBuffer(region.capacity, async (piece) => {
      while (region.size < region.capacity) {
        const part = piece.subarray(0, region.capacity - region.size);
        await readInto(handle, part, copied + region.size);
        await region.append(part);
      }
    });
    if (this.#region === undefined) this.#region = region;
    else this.#laterRegions.push(region);
  }
}
