/**
 * Named byte values: all that a backend has to offer. A vault is written once over this contract.
 *
 * Obligations of every implementation:
 * - **Absent is `undefined`, and only absent.** Every failure throws a {@link VaultError}: `UNAVAILABLE` (retryable) for
 *   outages and resets, `DENIED` for refused credentials, `TOO_LARGE`, `INVALID`.
 * - **Reads are current.** A `get` after a `put` that resolved sees it, from any process: never a stale replica,
 *   because "absent" decides things.
 * - **Writes are all or nothing.** A reader sees the old value, or the whole new one.
 * - A backend never retries, times out, logs, encrypts, compresses, names keys, owns timers or closes a client it was
 *   given. Those are decorators of this same contract.
 * - Constructors validate their options and do no I/O.
 * - An aborted `signal` makes the call reject promptly with the signal's reason.
 *
 * Keys are ASCII, at most 512 characters, of segments `[A-Za-z0-9_.-]+` of at most 200 characters joined by `/`; the
 * first segment is a session's name or a reserved one that begins with `_`. Segments `.` and `..` do not occur, and no
 * key is another key continued by `/`. Keys that differ only in case are different keys. Values are at most a few MiB,
 * so nothing is streamed here.
 */
export interface BlobStore {
  /**
   * Whether this backend keeps no buffer: none that it was given by a `put` that has resolved, and none that a `get` has
   * returned. A vault then frees their memory at once (they have no bytes any more, whoever looks), and leaves it to the
   * garbage collector otherwise. @default false
   */
  readonly keepsNoBuffers?: boolean;

  /** Where this backend is, for people: the errors of a vault that are about the backend end with it. @default nothing */
  readonly name?: string;
  /** Names the kind of backend in diagnostics events, e.g. `s3`; no address. @default the name of the class */
  readonly kind?: string;

  /** The abilities of this backend. Called once by its user; may probe the backend. */
  traits(options?: CallOptions): Promise<BlobTraits>;

  /**
   * The value at `key`, or `undefined` when and only when there is none. The buffer belongs to the caller, who may move its
   * memory away.
   */
  get(key: string, options?: CallOptions): Promise<Buffer | undefined>;

  /**
   * Stores `bytes` at `key`, replacing its value. With `ifAbsent`, creates the key: when it exists the call throws
   * `CONFLICT` and changes nothing, and of any number of racers exactly one succeeds.
   * `bytes` is not changed by the caller until the promise settles. After that the caller may change it, or move its memory
   * away, if the put has succeeded.
   */
  put(key: string, bytes: Buffer, options?: PutOptions): Promise<void>;

  /**
   * Every key that begins with the exact text `prefix`, in any order, each once, paged inside. A prefix always holds a
   * whole first segment (`RemoteAuth-a/…`). Keys created or deleted while listing may or may not be seen; all others are.
   * One more promise: where below a prefix (`RemoteAuth-a/log/`) each key is created before the one before it is deleted,
   * the largest of these keys that is listed was the largest at some moment of the listing, also in a listing of a shorter
   * prefix. A key that is gone may be listed for that.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<BlobInfo>;

  /** Deletes `keys`; absent ones are fine. When it resolves, a `get` of each says absent. */
  delete(keys: readonly string[], options?: CallOptions): Promise<void>;
}

/** Options of every call. */
export interface CallOptions {
  /** Ends the call early. */
  signal?: AbortSignal | undefined;
}

/** Options of a `put`. */
export interface PutOptions extends CallOptions {
  /** Create, never replace. @default false */
  ifAbsent?: boolean | undefined;
}

/** Options of a `list`. */
export interface ListOptions extends CallOptions {
  /**
   * Whether the caller looks at the keys alone: then `size` and `modifiedAt` may be 0 and 1970, where to find them out
   * takes a call for each key. @default false
   */
  keysOnly?: boolean | undefined;
}

/** The abilities of a backend. */
export interface BlobTraits {
  /** The largest value in bytes. */
  maxBlobBytes: number;
  /** Whether `ifAbsent` really excludes. Without it there is no fencing: two writers may overwrite each other. */
  exclusiveCreate: boolean;
  /** Where `exclusiveCreate` is false: why, and what to do, in a sentence for a person. @default nothing is known */
  exclusiveCreateHint?: string | undefined;
}

/** One key of a listing. */
export interface BlobInfo {
  /** The whole key, with the prefix that was listed. */
  key: string;
  /** Bytes of the value. */
  size: number;
  /** When the value was last put, by the backend's clock. */
  modifiedAt: Date;
}
