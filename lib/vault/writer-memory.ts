import { entryOf, type LogState } from "./entry.ts";
import { Uploads } from "./uploads.ts";

/** A file as the last save of a holder read it. */
export interface FileRead {
  /** The identity that the file had. */
  readonly identity: string;
  /** Bytes of each piece but the last. */
  readonly pieceBytes: number;
  /** SHA-256 of each piece. */
  readonly hashes: readonly string[];
}

/** What one holder remembers between its saves. It lasts as long as the lease, and is stored nowhere. */
export class WriterMemory {
  /** By path, the files that the last save read. */
  readonly filesRead: Map<string, FileRead> = new Map();
  /** What this holder has uploaded. */
  readonly uploads: Uploads;
  /** Whether this holder has checked that the chunks of earlier holders are still in the backend. */
  hasCheckedChunks = false;
  /** Whether leftovers of earlier holders may still be in the backend. */
  isSweepDue = true;
  /** Numbers of the entries that this holder has deleted. */
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

  /** The state without the generations that the backend has lost; the current one stays until a save replaces it. */
  withoutMissing<State extends LogState>(state: State): State {
    return { ...state, live: state.live.filter((one) => one.n === state.content || !this.missing.has(entryOf(one).n)) };
  }
}
