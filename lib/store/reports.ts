import type { ProfileFacts } from "./capture.ts";

/** The result of a save. Sizes are bytes, times milliseconds. */
export interface SaveReport {
  /** The current generation after the save. */
  readonly generation: number;
  /** Its entry's id, as in `GenerationInfo`. */
  readonly id: string;
  /** Nothing had changed: there is no new generation. */
  readonly unchanged: boolean;
  /**
   * `true`: a store with whatsapp-web.js's four methods has called the zip saved, and the time of the save ended before the
   * store had shown it. The next save sends the session again. @default false
   */
  readonly unverified?: boolean;
  /** How many files the profile has. */
  readonly files: number;
  /** Bytes of those files. */
  readonly bytes: number;
  /** Bytes sent to the backend, after compression, the log entry included. */
  readonly bytesSent: number;
  /** How many chunks were sent. */
  readonly chunksSent: number;
  /** How many chunks the store had already. */
  readonly chunksReused: number;
  /** How long the capture took. */
  readonly captureMs: number;
  /** How long the save took after the capture. */
  readonly ms: number;
}

/** The result of a restore. Sizes are bytes, times milliseconds. */
export interface RestoreReport {
  /** Number of the generation that was restored. */
  readonly generation: number;
  /** Id of the generation that was restored. */
  readonly id: string;
  /** How many files were written. */
  readonly files: number;
  /** Bytes of those files. */
  readonly bytes: number;
  /** Bytes that the store has sent. */
  readonly bytesReceived: number;
  /** How long the restore took. */
  readonly ms: number;
  /** Newer generations that did not verify. */
  readonly skipped: readonly { readonly generation: number; readonly code: string }[];
  /** The browser that wrote the profile and its storage, so that it is opened the same way. */
  readonly profile: ProfileFacts;
  /** Whether the files and their names would survive a power failure. @default false: whoever needs that syncs them */
  readonly isOnDisk?: boolean;
}
