import type { VaultError } from "./errors.ts";

/**
 * The store of a strategy: whatsapp-web.js's own contract, with the obligations it leaves unsaid.
 *
 * - `sessionExists` resolves to `true` or `false` only when the store knows. An outage is not an absence: it throws.
 * - `save` stores the zip of a profile. The version before stays readable until the new one is committed.
 * - `extract` writes the zip at `path` atomically: when it resolves the whole, verified file is there.
 * - `delete` resolves when the session is gone; a session that is not there is fine.
 *
 * Stores written elsewhere may answer `sessionExists` with other values: those are taken for an outage.
 */
export interface SessionStore {
  /** Whether the session is stored. Throws, or rejects, when the store does not know. */
  sessionExists(options: { session: string }): Promise<boolean> | boolean;
  /**
   * Stores the zip at `path`. @param options.path path of the zip. @default `<session>.zip` in the working directory
   */
  save(options: { session: string; path?: string }): Promise<unknown>;
  /** Writes the stored zip to `path`, whole. */
  extract(options: { session: string; path: string }): Promise<unknown>;
  /** Removes the session; one that is not there is fine. */
  delete(options: { session: string }): Promise<unknown>;
}

/**
 * A store that takes profiles file by file: no zip, no staging copy, only changes are sent, older generations are kept.
 * `RemoteAuth` prefers these methods when a store has them, as the vault has.
 *
 * All methods reject with a `VaultError`, and with the reason of `signal` when that aborts. `UNAVAILABLE`, `CORRUPT` and
 * `ABSENT` are never confused.
 */
export interface ProfileStore extends SessionStore {
  /** Names of the sessions that the store has, or had, in no order. @default the store cannot list */
  sessions?(options: { signal?: AbortSignal }): AsyncIterable<string>;

  /** The state of the session; `undefined` when and only when nothing was ever written for it. */
  state(options: { session: string; signal?: AbortSignal }): Promise<SessionState | undefined>;

  /**
   * Takes the session with a lease: from now on no earlier holder can commit anything, and no other process can take the
   * session, or change it by a call without a lease, until the lease is released or has ended. A lease ends by itself when
   * its process has gone and renews it no more. A holder that has ended for certain (on this machine, say) is not waited
   * for.
   * @param options.waitMs how long to wait for a holder that is alive, in milliseconds. @default 0
   * @throws `LEASE_HELD`, with `owner` and `expiresAt`, when another process, or another part of this one, holds the session
   *   and has not released it in time.
   */
  acquire(options: { session: string; waitMs?: number; signal?: AbortSignal }): Promise<Lease>;

  /**
   * Takes the session from the process that holds it, alive or not, and keeps nobody out afterwards: that process can
   * commit nothing more, and its {@link Lease.lost} aborts at its next renewal. For people who know that it is gone, or that
   * it must end. Does nothing to a session that was never written. `RemoteAuth` does not need this method.
   * @throws `LEASE_HELD` when yet another process takes the session at this moment.
   */
  breakLease?(options: { session: string; signal?: AbortSignal }): Promise<BrokenLease>;

  /**
   * Commits the capture as a new generation. When nothing changed since the current generation, writes nothing and
   * reports `unchanged`. The capture is not closed.
   * @throws `LEASE_LOST` when another process has taken the session, or the lease was released; `UNAVAILABLE` when the
   *   store does not answer: the save may have been committed, or be committed later; `INVALID` when the capture carries
   *   no storage of the site and the session has a generation that does.
   */
  saveProfile(options: SaveProfileOptions): Promise<SaveReport>;

  /**
   * Writes a generation (the current one by default) into `into`, a directory that is empty or does not exist, and
   * verifies it; one without storage of the site does not verify. A current generation that does not is skipped for the newest proven one before it that verifies
   * and whose key is there (those passed over are named in `skipped`). After an error `into` may hold a part of the files:
   * throw it away.
   * @throws `ABSENT` when there is no session (never saved, or deleted); `CORRUPT` when no generation verifies;
   *   `WRONG_KEY` when the key of the current one is missing, or of an older one and no other verifies.
   */
  restoreProfile(options: RestoreProfileOptions): Promise<RestoreReport>;

  /** Records that a browser started from exactly this generation reached `ready`, or that it was rejected. */
  mark(options: MarkOptions): Promise<void>;

  /** Makes an older kept generation the current one. Nothing is deleted. */
  rollback(options: { session: string; lease: Lease; generation: number; signal?: AbortSignal }): Promise<void>;

  /**
   * Deletes softly: `undelete` brings it back for `retainMs`. Without `lease` it takes the session and keeps nobody out.
   * @throws `LEASE_HELD` without `lease`, when another process holds the session.
   * @param options.retainMs milliseconds; 0 keeps nothing. @default `retainDeletedMs` of the store, which is 7 days by default
   */
  delete(options: { session: string; lease?: Lease; retainMs?: number; signal?: AbortSignal }): Promise<void>;

  /**
   * Takes a soft deletion back.
   * @throws `ABSENT` when there is nothing to bring back; `LEASE_HELD` as {@link delete}.
   */
  undelete(options: { session: string; lease?: Lease; signal?: AbortSignal }): Promise<void>;

  /**
   * The entries of the session's log, newest first, for people; none when nothing was ever written for it. Reads only:
   * another process may hold the session.
   */
  history?(options: { session: string; signal?: AbortSignal }): AsyncIterable<HistoryEntry>;

  /** Removes the data that no kept generation needs. */
  prune(options: { session: string; lease: Lease; signal?: AbortSignal }): Promise<void>;
}

/** What {@link ProfileStore.saveProfile} takes. */
export interface SaveProfileOptions {
  /** Name of the session. */
  session: string;
  /** The files to save. */
  capture: Capture;
  /** The lease of `acquire`. */
  lease: Lease;
  /** The WhatsApp id of the linked phone; stored as a keyed hash only. */
  wid?: string | undefined;
  /**
   * Called once, after every byte is uploaded and before the commit; when it throws, nothing is committed and
   * `saveProfile` rejects with the same error.
   */
  beforeCommit?: (() => void) | undefined;
  /** Ends the save, with its reason; a commit that is under way may still take effect. */
  signal?: AbortSignal | undefined;
}

/** What {@link ProfileStore.restoreProfile} takes. */
export interface RestoreProfileOptions {
  /** Name of the session. */
  session: string;
  /** Path of the directory to write to: empty, or not there. */
  into: string;
  /** @default the current one */
  generation?: number | undefined;
  /** Ends the restore, with its reason. */
  signal?: AbortSignal | undefined;
}

/** What {@link ProfileStore.mark} takes. */
export interface MarkOptions {
  /** Name of the session. */
  session: string;
  /** The lease of `acquire`. */
  lease: Lease;
  /** Number of the generation. */
  generation: number;
  /** The mark: a browser that started from it was `ready`, or was asked to link again. */
  as: "proven" | "rejected";
  /** Ends the call, with its reason. */
  signal?: AbortSignal;
}

/** The right to run and write a session. */
export interface Lease {
  /** The fencing number: only grows. */
  readonly epoch: number;
  /**
   * Aborts when another process has taken the session: at the next call on this lease, or at the next renewal. The reason is
   * a `LEASE_LOST` error. From then on no call on this lease commits anything.
   */
  readonly lost: AbortSignal;
  /** The state of the session when it was taken. @default the store does not tell, and is asked by `state` */
  readonly state?: SessionState;
  /**
   * Gives the session back: another process can take it at once, and calls on this lease fail with `LEASE_LOST`. Does not
   * wait for calls that are under way. Takes a few seconds at most and never rejects; twice is fine. When the store does not
   * answer, the lease ends by itself later.
   */
  release(): Promise<void>;
}

/** The process that {@link ProfileStore.breakLease} took a session from. Empty when no process had a lease. */
export interface BrokenLease {
  /** `host:pid` */
  readonly owner?: string;
  /** Since when that process had the session. */
  readonly since?: Date;
}

/** The state of one session in a store. */
export interface SessionState {
  /** Number of the newest log entry. */
  readonly entry: number;
  /** The newest fencing number. */
  readonly epoch: number;
  /**
   * What the session consists of: the profile of a browser, or the records of a bot without one, as Baileys keeps them.
   * The name of the session does not decide it. Absent while nothing is saved; a deletion that can be taken back changes
   * nothing. @default `profile`, where a store keeps nothing else
   */
  readonly kind?: "profile" | "records";
  /** The generation that a restore brings; absent when nothing was ever saved or the session is deleted. */
  readonly current?: GenerationInfo;
  /** All generations that can be restored, oldest first. */
  readonly generations: readonly GenerationInfo[];
  /** Set when the session is deleted. */
  readonly deleted?: {
    readonly at: Date;
    /** Until when `undelete` can bring it back at least. @default the store does not tell */
    readonly until?: Date;
  };
  /** The process that took the session last, or that wrote the newest entry when it took it without a lease; `host:pid`. */
  readonly holder?: string;
  /**
   * The newest lease, unless it was released: its owner (`host:pid`), and since when it has the session. The owner may have
   * ended since: only `acquire` finds out.
   */
  readonly lease?: { readonly owner: string; readonly since: Date };
}

/** What a listing tells of one session: facts, or why it cannot be read. */
export type SessionSummary = SessionFacts | UnreadableSession;

/** A session that a listing has found and cannot read, e.g. because it is damaged, or its key is missing: without facts. */
export type UnreadableSession = {
  readonly [Name in Exclude<keyof SessionFacts, "session" | "problem">]?: undefined;
} & {
  /** Name of the session. */
  readonly session: string;
  /** Why it cannot be read. */
  readonly problem: VaultError;
};

/** What the newest log entry of a session tells. */
export interface SessionFacts {
  /** Name of the session. */
  readonly session: string;
  /** Always absent: the session was read. */
  readonly problem?: undefined;
  /** As that of {@link SessionState}. */
  readonly kind?: "profile" | "records";
  /**
   * The current generation, whose `keyId` says whether it is encrypted; of a deleted session the one that `undelete` brings
   * back. Absent while nothing is saved, and once nothing is left. Of records, the ones that were last put together.
   */
  readonly saved?: GenerationInfo;
  /** How many generations are kept. */
  readonly generations: number;
  /** When the oldest of those that belong to the present link was saved: the device was linked then, or before. */
  readonly oldestAt?: Date;
  /** When the newest entry was written: by a start, a save, a change of records, a mark. */
  readonly changedAt: Date;
  /** Set when the session is deleted: since when, and until when `undelete` can bring it back at least. */
  readonly deleted?: { readonly at: Date; readonly until: Date };
  /** As that of {@link SessionState}. */
  readonly holder?: string;
  /**
   * As that of {@link SessionState}, with the time at which it ends unless it is renewed, by the clock of its owner. An owner
   * that was killed leaves a lease that has ended.
   */
  readonly lease?: {
    readonly owner: string;
    readonly since: Date;
    readonly expiresAt: Date;
    /** How long it lasts after each renewal, in milliseconds. Its owner renews it three times in that time. */
    readonly ttlMs: number;
    /** Grows with each renewal: when it does, the owner is alive. */
    readonly renewals: number;
  };
  /** Why nobody can tell whether there is a lease: what is stored of it cannot be read. */
  readonly leaseProblem?: VaultError;
  /** The browser and the forms of its storage, where the newest entry is that of the save. */
  readonly profile?: ProfileFacts;
}

/** All that is known of one session without its contents. */
export type SessionDetails = SessionFacts & {
  /** Number of the newest log entry. */
  readonly entry: number;
  /** The newest fencing number. */
  readonly epoch: number;
  /**
   * Numbers of the generations that a restore tries, in this order, when those before do not verify. Empty when the session
   * is deleted, or nothing is saved.
   */
  readonly restores: readonly number[];
  /** All generations that are kept, oldest first; of a deleted session those that `undelete` brings back. */
  readonly kept: readonly GenerationInfo[];
  /** What the store has of the session, as it is stored: entries, chunks and leases. Sizes are bytes. */
  readonly stored: { readonly values: number; readonly bytes: number };
  /** Of a session of records: how many pieces they are put together in, and how many entries came after those. */
  readonly folds?: { readonly segments: number; readonly entriesAfter: number };
};

/** What {@link StoreProbe} tries, in this order. */
export type ProbeStepName =
  /** Lists the sessions. */
  | "list"
  /** Reads and deletes a key that is absent. */
  | "read"
  | "delete"
  /** Writes a small value, reads it, finds it in a listing, removes it. */
  | "write"
  | "readBack"
  | "findInListing"
  | "remove"
  /** Lets a few create one and the same key at once. */
  | "exclusiveCreate"
  /** Writes a value of the largest size that a vault writes. */
  | "largest";

/** One thing that was tried. */
export interface ProbeStep {
  /** What was tried. */
  readonly name: ProbeStepName;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** Why it has failed; absent when it has not. */
  readonly error?: VaultError;
}

/** What a store can do, as far as trying shows. */
export interface StoreProbe {
  /** What was tried, in order; steps that need an earlier one which has failed are left out. */
  readonly steps: readonly ProbeStep[];
  /** Whether a key can be created exclusively: without that there are no leases. Absent when it was not tried. */
  readonly exclusiveCreate?: boolean;
  /** Why not, and what to do. */
  readonly exclusiveCreateHint?: string;
  /** The largest value that the store says it takes, in bytes. */
  readonly maxBlobBytes?: number;
  /** The largest value that was written, in bytes. */
  readonly largestBytes?: number;
  /**
   * By how much the clock of the store is ahead of that of this host, in milliseconds; negative when it is behind, 0 when
   * they agree within a second, or when the store goes by the clock of this host. Absent when it was not told.
   */
  readonly clockAheadMs?: number;
  /** The key of a small value that could not be removed. */
  readonly leftBehind?: string;
}

/** What the check of one generation has found. */
export interface GenerationCheck {
  /** The generation. */
  readonly generation: GenerationInfo;
  /** Whether a restore brings it. */
  readonly isCurrent: boolean;
  /** How many chunks it needs. */
  readonly chunks: number;
  /** How many of these are missing or damaged. */
  readonly damagedChunks: number;
  /**
   * When the databases of a profile were verified: `now`, or `before` they were stored, where the hashes have shown that
   * these are the same bytes. Absent when there is a problem, and of records.
   */
  readonly databases?: "now" | "before";
  /** What is wrong: `CORRUPT`, or `WRONG_KEY` where its key was not given. Absent when all is good. */
  readonly problem?: VaultError;
}

/** One restorable version of a session. */
export interface GenerationInfo {
  /** Its number: grows, with gaps. */
  readonly generation: number;
  /** Random id of the entry that committed it: tells two histories with the same numbers apart. */
  readonly id: string;
  /** When it was saved, by the clock of the process that saved it. */
  readonly at: Date;
  /** Bytes of its files, or of the values of its records. */
  readonly bytes: number;
  /** How many files, or records, it has. */
  readonly files: number;
  /** A browser that started from it reached `ready`. */
  readonly proven: boolean;
  /** A browser that started from it was asked to link again. */
  readonly rejected: boolean;
  /** Came in as a zip whose profile did not verify, or had no storage of WhatsApp Web. */
  readonly suspect: boolean;
  /**
   * Equal for two generations of one phone; opaque. Absent when the save named no phone, or the store does not tell: then
   * `RemoteAuth` goes back from it, and to it, on request only.
   */
  readonly pairing?: string;
  /** Belongs to a link that ended with a deletion of the session: restored on request only. @default false */
  readonly beforeDeletion?: boolean;
  /** Number of the log entry that marked it as rejected; a store without a log leaves it out. */
  readonly rejectedIn?: number;
  /** Id of the key that it is encrypted with, 16 hexadecimal digits; absent when it is stored unencrypted. */
  readonly keyId?: string;
}

/** What an entry of the log did. */
export type EntryKind =
  /** Took the session. */
  | "hold"
  /** Committed a generation. */
  | "save"
  /** Marked a generation. */
  | "proven"
  | "rejected"
  /** Made an older generation the current one. */
  | "rollback"
  /** About the whole session. */
  | "deleted"
  | "undeleted"
  /** Changed nothing that people see. */
  | "retained"
  /** Encrypted a generation anew. */
  | "rekeyed"
  /** Changed nothing: its holder has renewed its lease late. */
  | "renewed"
  /** Set and deleted records. */
  | "records";

/** One entry of the log of a session. Entries that nothing needs any more are removed, so the numbers have gaps. */
export interface HistoryEntry {
  /** Number of the entry. */
  readonly entry: number;
  /** `unreadable`: the entry is damaged or missing, or this store has no key for it. */
  readonly kind: EntryKind | "unreadable";
  /** The time, by the clock of the process that wrote it. Absent when `unreadable`, as all that follows but `error`. */
  readonly at?: Date;
  /** The process that wrote it (`host:pid`). */
  readonly by?: string;
  /** The fencing number of the process that wrote it. */
  readonly epoch?: number;
  /**
   * `save`: the generation that was saved. `rekeyed`: the one that was encrypted anew. `records` and `deleted` of a session
   * of records: the generation that holds all records up to this entry, where there is one.
   */
  readonly saved?: GenerationInfo & {
    /** Whether it can be restored: after a deletion, once that is taken back. */
    readonly isKept: boolean;
    /** Whether a restore brings it. */
    readonly isCurrent: boolean;
  };
  /** `proven`, `rejected`: the generation that was marked. `rollback`, `undeleted`: the generation that became the current one. */
  readonly generation?: number;
  /** `records`: how many records were set and deleted; absent when an entry cannot hold so many. */
  readonly changes?: number;
  /** `deleted`: until when the deletion can be taken back. */
  readonly until?: Date;
  /** `unreadable`: the reason, `CORRUPT`, `WRONG_KEY`, or `INVALID` for an entry of a newer version. */
  readonly error?: VaultError;
}

/** The result of a save. Sizes are bytes, times milliseconds. */
export interface SaveReport {
  /** The current generation after the save. */
  readonly generation: number;
  /** Its entry's id, as in {@link GenerationInfo}. */
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

/** Chromium's two on-disk forms of a site's storage. */
export type StorageBackend = "leveldb" | "sqlite";

/** The facts needed to open a profile without Chromium wiping it. */
export interface ProfileFacts {
  /** Full version of the browser that wrote it (its `Last Version` file), e.g. `156.0.8078.73`. */
  readonly browserVersion?: string;
  /** Form of the site's IndexedDB; absent when the profile has none yet. */
  readonly indexedDb?: StorageBackend;
  /** Form of Local Storage; absent when the profile has none yet. */
  readonly localStorage?: StorageBackend;
}

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

/** Whether `store` takes profiles file by file. */
export function isProfileStore(store: SessionStore): store is ProfileStore {
  return ["state", "acquire", "saveProfile", "restoreProfile"].every(
    (method) => typeof (store as unknown as Record<string, unknown>)[method] === "function",
  );
}
