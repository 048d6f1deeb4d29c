/** What every message tells. A message names no phone, no key and no address of a store. */
export interface SessionEvent {
  /** The session as the store names it, e.g. `RemoteAuth-support`. A `clientId` that is a phone number is in it. */
  readonly session: string;
  /**
   * Kind of the store: `fs`, `s3`, `mongo`, `redis`, `postgres` or `memory`; the name of the class of a store, or of blobs,
   * that are not of this package; `local` for `LocalAuth`.
   */
  readonly store: string;
}

/** What the message of a call tells as well. */
export interface CallEvent extends SessionEvent {
  /** How long the whole call took, with its waits for other calls of the session, in milliseconds. */
  readonly ms: number;
  /** How many requests to the backend were made again. 0 for a store that is not of this package. */
  readonly retries: number;
}

/** Whether a call has moved the files of a profile, or a zip. */
export type ProfileForm = "profile" | "zip";

/** `wa-vault:save`: a profile is stored, or nothing of it had changed. */
export interface SaveEvent extends CallEvent {
  /** The current generation after the save. 0 in a store without generations. */
  readonly generation: number;
  /** The fencing number of its writer. Absent in a store without leases. */
  readonly epoch?: number;
  /** Whether files or a zip were saved. */
  readonly form: ProfileForm;
  /** Nothing had changed: there is no new generation. */
  readonly unchanged: boolean;
  /** As in `SaveReport`: a store with four methods has not shown the zip that it has called saved. @default false */
  readonly unverified?: boolean;
  /** How many files the profile has. */
  readonly files: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** Bytes sent to the backend, after compression. */
  readonly bytesSent: number;
  /** Chunks that were sent; 1 for a zip. */
  readonly chunksSent: number;
  /** Chunks that were there already. */
  readonly chunksReused: number;
  /** How long the capture took, which comes before the call except for a zip, in milliseconds. */
  readonly captureMs: number;
}

/** `wa-vault:restore`: a profile was read from the store and has verified. */
export interface RestoreEvent extends CallEvent {
  /** The generation that was restored. 0 in a store without generations. */
  readonly generation: number;
  /** Whether files or a zip were written. */
  readonly form: ProfileForm;
  /** How many files the profile has. */
  readonly files: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** Bytes received from the backend, before they were unpacked. */
  readonly bytesReceived: number;
  /** Newer generations that could not be used, with the codes of their errors. Not empty: something is wrong. */
  readonly skipped: readonly { readonly generation: number; readonly code: string }[];
}

/** `wa-vault:lease`: what has become of the right to run and write a session. */
export interface LeaseEvent extends SessionEvent {
  /**
   * - `waiting`: another process has the session, and this one waits for it. Once in a call.
   * - `acquired`: this process has it.
   * - `overdue`: the lease could not be renewed for as long as it lasts, so another process may take the session. Once in an
   *   outage; each renewal that has failed is a message of `wa-vault:error`.
   * - `lost`: another process has taken the session from this one, which can commit nothing more.
   * - `released`: this process has given the session back.
   * - `broken`: a person has taken the session from the process that had it, by `breakLease`.
   */
  readonly change: "waiting" | "acquired" | "overdue" | "lost" | "released" | "broken";
  /** The process whose lease it is, `host:pid`. Absent for `broken` when no process had one. */
  readonly owner?: string;
  /** The fencing number of that lease. Absent for `waiting` and `broken`. */
  readonly epoch?: number;
  /** `acquired`: the process before it, whose lease had ended without a release. `lost`: the process that has it now. */
  readonly other?: string;
  /**
   * `waiting`: how long it waits at most. `acquired`: how long the call took. `overdue`: the time since the last renewal.
   * `lost` and `released`: how long the lease was held. Milliseconds; absent for `broken`.
   */
  readonly ms?: number;
}

/** `wa-vault:mark`: a browser that started from this generation was `ready`, or was asked to link again. */
export interface MarkEvent extends CallEvent {
  /** The generation that was marked. */
  readonly generation: number;
  /** `proven`: it was `ready`. `rejected`: it was asked to link again. */
  readonly as: "proven" | "rejected";
}

/** `wa-vault:rollback`: an older generation is the current one. */
export interface RollbackEvent extends CallEvent {
  /** The generation that is the current one now. */
  readonly generation: number;
  /** The generation that was the current one. */
  readonly from: number;
}

/** `wa-vault:delete`: a session was deleted, or its deletion was taken back. A call that changes nothing has no message. */
export interface DeleteEvent extends CallEvent {
  /** `undeleted`: a deletion was taken back. */
  readonly change: "deleted" | "undeleted";
  /** `deleted`: how long it can be taken back, in milliseconds. Absent where the store does not tell. */
  readonly retainMs?: number;
}

/** `wa-vault:prune`: what no kept generation needs was removed, by `prune`, or beside a save or another change. */
export interface PruneEvent extends SessionEvent {
  /** `false`: data was left alone, because a generation that should be there is not. */
  readonly complete: boolean;
  /** Chunks that were removed. */
  readonly chunks: number;
  /** Entries of the log that were removed. */
  readonly entries: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** `wa-vault:rekey`: a session was encrypted anew. */
export interface RekeyEvent extends CallEvent {
  /** How many generations were encrypted anew. */
  readonly generations: number;
  /** How many other entries of the log were encrypted anew. */
  readonly entries: number;
}

/** `wa-vault:copy`: a session was copied to another store, or under another name, and compared. */
export interface CopyEvent extends CallEvent {
  /** Name of the session in the source. */
  readonly fromSession: string;
  /** Kind of the source; `store` is that of the target. */
  readonly fromStore: string;
  /** The target had exactly this already. */
  readonly unchanged: boolean;
  /** Files of the profile, or records. */
  readonly files: number;
  /** Bytes of the files, or of the values of the records. */
  readonly bytes: number;
  /** As in {@link RestoreEvent}. */
  readonly skipped: readonly { readonly generation: number; readonly code: string }[];
}

/** `wa-vault:records`: what has become of the records of a session, which Baileys' auth state consists of. */
export interface RecordsEvent extends SessionEvent {
  /**
   * - `opened`: they were read. `records` are all of them.
   * - `set`: one entry of the log holds changes. `records` are those that were set or deleted.
   * - `folded`: entries were put together. `records` are all of them.
   */
  readonly change: "opened" | "set" | "folded";
  /** The fencing number of the lease. */
  readonly epoch: number;
  /** Number of the newest entry of records. Absent for `opened` when there is none. */
  readonly entry?: number;
  /** How many records: see {@link RecordsEvent.change}. */
  readonly records: number;
  /** Bytes of their keys and values. Absent for `folded`. */
  readonly bytes?: number;
  /** `set`: how many sets travelled in the entry. */
  readonly sets?: number;
  /**
   * `opened`: how long the call took. `set`: the time from when its entry was last sent until it was known to be stored.
   * Milliseconds; absent for `folded`.
   */
  readonly ms?: number;
  /** `opened`: requests that were made again. */
  readonly retries?: number;
}

/** `wa-vault:link`: WhatsApp has asked a browser that `RemoteAuth` has started for a link. */
export interface LinkEvent extends SessionEvent {
  /** Whether the browser was started from a session that was linked: WhatsApp has refused that session, or has ended it. */
  readonly wasStored: boolean;
  /** Whether the page was `ready` before in this run. */
  readonly wasReady: boolean;
  /**
   * `older`: the client starts again from an older generation. `code`: it shows a QR code, or a pairing code. `none`: it
   * ends, because another process has the session.
   */
  readonly next: "older" | "code" | "none";
  /** The generation that the browser was started from. Absent when the store has no generations, or there is none. */
  readonly generation?: number;
}

/** A call, or work in the background, that can fail. */
export type Operation =
  | "acquire"
  | "breakLease"
  | "renew"
  | "state"
  | "save"
  | "restore"
  | "mark"
  | "rollback"
  | "delete"
  | "undelete"
  | "prune"
  | "rekey"
  | "records"
  | "copy"
  | "rename"
  /** A start of a strategy. */
  | "start"
  /** A run of a strategy: the browser has died, the page asks for a link, a last save could not begin. */
  | "run";

/** `wa-vault:error`: something has failed, once for each failure. */
export interface ErrorEvent extends SessionEvent {
  /** What has failed. */
  readonly operation: Operation;
  /**
   * Code of the `VaultError`. `CANCELLED` also when a signal has ended the call; `UNKNOWN` for an error that is none of this
   * package. The message is left out, because it may name folders and hosts: the caller, or the event of the client, has it.
   */
  readonly code: string;
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean;
  /** `LEASE_HELD`: the process that has the session, or the local profile. */
  readonly owner?: string;
  /** `renew` and background work of leases: the fencing number. */
  readonly epoch?: number;
  /** How long the call took until it failed, in milliseconds. Absent for work in the background. */
  readonly ms?: number;
  /** As in {@link CallEvent}. Absent for work in the background. */
  readonly retries?: number;
}

/** `wa-vault:blob`: one request to a backend has ended; a request that is made again has a message for each attempt. */
export interface BlobEvent {
  /** As in {@link SessionEvent}. */
  readonly store: string;
  /** Absent for what all sessions of a store share. */
  readonly session?: string;
  /** The method of the backend. */
  readonly request: "traits" | "get" | "put" | "list" | "delete";
  /** What the keys are of: the log, leases, chunks, or the list of the store's sessions. */
  readonly part?: "log" | "lease" | "chunks" | "sessions" | "vault" | "other";
  /** Bytes that were sent or received: 0 for `get` of an absent key, and for what moves none. */
  readonly bytes: number;
  /** Keys that were asked for, listed or deleted. */
  readonly keys: number;
  /** How long the attempt took, in milliseconds. */
  readonly ms: number;
  /** Code of the error, as in {@link ErrorEvent}. `CONFLICT` is no failure: the key was there. Absent when it has succeeded. */
  readonly code?: string;
}

/** By the name of its channel, the message of each event. */
export interface DiagnosticsEvents {
  /** A profile is stored. */
  "wa-vault:save": SaveEvent;
  /** A profile was read. */
  "wa-vault:restore": RestoreEvent;
  /** A lease has changed. */
  "wa-vault:lease": LeaseEvent;
  /** A generation was marked. */
  "wa-vault:mark": MarkEvent;
  /** An older generation is the current one. */
  "wa-vault:rollback": RollbackEvent;
  /** A session was deleted, or brought back. */
  "wa-vault:delete": DeleteEvent;
  /** Old data was removed. */
  "wa-vault:prune": PruneEvent;
  /** A session was encrypted anew. */
  "wa-vault:rekey": RekeyEvent;
  /** A session was copied. */
  "wa-vault:copy": CopyEvent;
  /** Records have changed. */
  "wa-vault:records": RecordsEvent;
  /** WhatsApp asks for a link. */
  "wa-vault:link": LinkEvent;
  /** Something has failed. */
  "wa-vault:error": ErrorEvent;
  /** A request has ended. */
  "wa-vault:blob": BlobEvent;
}

/**
 * The context of `tracing:wa-vault:operation:*`, the channels of a `TracingChannel`: the same object from `start` to
 * `asyncEnd` of one call, for spans. What the call returns is not in it: that may be credentials.
 */
export interface OperationContext extends SessionEvent {
  /** The call. */
  readonly operation: Operation;
  /** What the call has thrown. Unlike messages of `wa-vault:error`, it has a text, which may name folders and hosts. */
  readonly error?: unknown;
}
