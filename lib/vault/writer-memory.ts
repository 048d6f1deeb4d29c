import { entryOf, type LogState } from "./entry.ts";
import type { ManifestFile } from "./manifest.ts";
import { Uploads } from "./uploads.ts";

/** The kept generations of a profile may take so many times its bytes, and some more, without being looked at before a save. */
const PROFILES = 8;
const ROOM_BYTES = 64 * 1024 * 1024;

/** A file as the last save of a holder read it. */
export interface FileRead {
  /** The identity that the file had. */
  readonly identity: string;
  /** The file as it was stored. */
  readonly stored: ManifestFile;
}

/** What one holder remembers between its saves. It lasts as long as the lease, and is stored nowhere. */
export class WriterMemory {
  /** By path, the files that the last save read. */
  readonly filesRead: Map<string, FileRead> = new Map();
  /** What this holder has uploaded. */
  readonly uploads: Uploads;
  /** Whether this holder has checked that the chunks of earlier holders are still in the backend. */
  hasCheckedChunks = false;
  /** Bytes of the chunks that are stored, as far as this holder knows; those of uploads that failed may be, too. */
  storedBytes = 0;
  /** Bytes of the chunks that were left by the last prune of this holder. */
  #keptBytes = 0;
  /** Numbers of the entries that this holder has deleted, as long as the newest entry may call them dead. */
  readonly deleted: Set<number> = new Set();
  /** Numbers of the entries that the backend has lost, although this holder knows them. */
  readonly missing: Set<number> = new Set();

  /** @param folder of the holder: see {@link holdFolder} */
  constructor(session: string, folder: string) {
    this.uploads = new Uploads(session, folder);
  }

  /** The dead entries that this holder has not deleted yet. */
  undeleted(dead: readonly number[]): number[] {
    return dead.filter((n) => !this.deleted.has(n));
  }

  /** Forgets the deleted entries that are not among the `dead` ones of the newest entry any more. */
  forgetDeleted(dead: readonly number[]): void {
    const known = new Set(dead);
    for (const n of this.deleted) if (!known.has(n)) this.deleted.delete(n);
  }

  /** The state without the generations that the backend has lost; the current one stays until a save replaces it. */
  withoutMissing<State extends LogState>(state: State): State {
    return { ...state, live: state.live.filter((one) => one.n === state.content || !this.missing.has(entryOf(one).n)) };
  }

  /** Whether so much is stored, beside a profile of `saveBytes`, that most of it must be of saves that never committed. */
  hasGrown(saveBytes: number): boolean {
    return this.storedBytes > ROOM_BYTES + Math.max(PROFILES * saveBytes, 2 * this.#keptBytes);
  }

  /** To be called after a prune that left `bytes` of chunks. */
  pruned(bytes: number): void {
    this.storedBytes = bytes;
    this.#keptBytes = bytes;
  }
}
