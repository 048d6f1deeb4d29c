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
