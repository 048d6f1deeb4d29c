// `lib/store` has the plain types that strategies and stores exchange, by meaning; `lib/store.ts` has the contracts and gives
// all names out, so nothing else imports these files. They import the errors only.

/** A consistent view of the parts of a live or closed profile that carry the session. */
export interface Capture {
  /** The files, each once. */
  readonly files: readonly CaptureFile[];
  /** The browser and the forms of its storage. */
  readonly profile: ProfileFacts;
  /** Whether a browser may have been writing while it was taken. */
  readonly live: boolean;
  /** The moment that all files are of. */
  readonly takenAt: Date;
  /** How long it took, in milliseconds. */
  readonly captureMs: number;
  /** Upper bound of the time between the moments of its IndexedDB and its Local Storage, in milliseconds. */
  readonly spreadMs: number;
  /**
   * Whether the databases in it were verified, by their checksums and trees, as `RemoteAuth` does before each save. A
   * restore of the same bytes then checks their hashes alone. @default false, and every restore verifies the contents
   */
  readonly verified?: boolean;
  /** Lets go of the files it holds. Never rejects; twice is fine. */
  close(): Promise<void>;
}

/** One file of a capture. */
export interface CaptureFile {
  /** Path inside the profile, `/` between segments, e.g. `Default/Local Storage/leveldb/CURRENT`. */
  readonly path: string;
  /** Bytes of the captured content, which may be less than the file has on disk. */
  readonly size: number;
  /** How Chromium changes it after writing: never, at its end, or anywhere. */
  readonly change: "never" | "append" | "anywhere";
  /**
   * Equal for the same path means equal bytes, so that it need not be read again. Absent when that cannot be promised
   * (the file changed too recently for its timestamp to tell). Opaque.
   */
  readonly identity?: string;
  /** Exactly `length` bytes from `position`; rejects with `CORRUPT` when they are not there. */
  read(position: number, length: number): Promise<Buffer>;
  /**
   * Calls `work` with an open descriptor, and where in that file the first byte lies, so that another thread can read. The
   * descriptor stays open until `work` has ended.
   * @returns what `work` returns; `undefined` when the file has no descriptor. @default there is none
   */
  withDescriptor?<T>(
    work: (place: { readonly fd: number; readonly position: number }) => Promise<T>,
  ): Promise<T> | undefined;
}

/** The facts needed to open a profile without Chromium wiping it. */
export interface ProfileFacts {
  /** Full version of the browser that wrote it (its `Last Version` file), e.g. `156.0.8078.73`. */
  readonly browserVersion?: string;
  /** Form of the site's IndexedDB; absent when the profile has none yet. */
  readonly indexedDb?: StorageBackend;
  /** Form of Local Storage; absent when the profile has none yet. */
  readonly localStorage?: StorageBackend;
}

/** Chromium's two on-disk forms of a site's storage. */
export type StorageBackend = "leveldb" | "sqlite";
