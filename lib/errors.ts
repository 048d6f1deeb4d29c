/**
 * What went wrong, in one word. The three that must never be mistaken for one another:
 * `ABSENT` (the store answered: there is nothing), `UNAVAILABLE` (the store did not answer) and
 * `CORRUPT` (it answered, and what it gave is not whole).
 */
export type VaultErrorCode =
  /** Known not to be there. */
  | "ABSENT"
  /** Could not be asked, or did not answer: an outage, a timeout, a full disk. Nothing is known. */
  | "UNAVAILABLE"
  /** Was read, and is torn, tampered with or incomplete. */
  | "CORRUPT"
  /** Somebody else created it first. */
  | "CONFLICT"
  /** Another start, or a running browser, has the local profile; see `owner`. Not yet used by stores: a session that another process holds is taken over. */
  | "LEASE_HELD"
  /** Another process has taken the session over; nothing more may be written by this one. */
  | "LEASE_LOST"
  /** Encrypted with a key that was not given. Not yet used: sessions are stored unencrypted. */
  | "WRONG_KEY"
  /** The store refused the credentials or the permission is missing. */
  | "DENIED"
  /** Larger than the store can take. */
  | "TOO_LARGE"
  /** The caller's input is wrong. */
  | "INVALID"
  /** Ended by the caller before it was done: nothing is wrong with the store. */
  | "CANCELLED";

/** What a {@link VaultError} carries beside its message. */
export interface VaultErrorOptions {
  /** What lies beneath, when there is something. */
  cause?: unknown;
  /** What the user can do, in one sentence. */
  hint?: string;
  /** Whether the same call may succeed when it is made again. @default true for `UNAVAILABLE`, else false */
  retryable?: boolean;
  /** `LEASE_HELD` only: the process that has the profile, `<host>-<pid>`. */
  owner?: string;
  /** `LEASE_HELD` only: when the holder's lease ends. Not yet set: no lease ends by itself. */
  expiresAt?: Date;
}

/** The one error class of the library. Messages read "what failed: why"; they never contain a secret. */
export class VaultError extends Error {
  override readonly name: string = "VaultError";
  readonly code: VaultErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly owner: string | undefined;
  readonly expiresAt: Date | undefined;

  constructor(code: VaultErrorCode, message: string, options: VaultErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? code === "UNAVAILABLE";
    this.owner = options.owner;
    this.expiresAt = options.expiresAt;
  }
}

/** Whether `error` is a {@link VaultError}, of the given code when one is named. */
export function isVaultError(error: unknown, code?: VaultErrorCode): error is VaultError {
  return error instanceof VaultError && (code === undefined || error.code === code);
}

/** An `INVALID` error in the one sentence shape of option errors: "Expected `name` to be …, got …". */
export function invalidOption(name: string, expected: string, got: unknown): VaultError {
  return new VaultError("INVALID", `Expected \`${name}\` to be ${expected}, got ${describe(got)}.`);
}

/** A value as it may stand in a message: the kind and size of text and objects, never their content. */
function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  if (typeof value === "string") return value === "" ? "an empty string" : `a string of ${value.length} characters`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "object" ? `an object (${value.constructor?.name ?? "no prototype"})` : `a ${typeof value}`;
}

/** The message of somebody else's error as it may stand in ours: without the user and password of a URL. */
export function safeMessage(cause: unknown): string {
  const text = cause instanceof Error ? cause.message || cause.name : String(cause);
  // Up to the last `@`: a password may hold one too, or a slash. The path of a file, as stacks name it, is no secret.
  return text.replace(/(?<!\bfile:\/?)\/\/\S*@/g, "//");
}

/** Somebody else's error as it may be attached to ours: itself, or its safe words when it holds a secret. */
export function safeCause(cause: unknown): unknown {
  if (!(cause instanceof Error)) return typeof cause === "string" ? safeMessage(cause) : cause;
  if (safeMessage(cause) === cause.message && safeMessage(cause.stack ?? "") === (cause.stack ?? "")) return cause;
  const safe = new Error(safeMessage(cause));
  safe.name = cause.name;
  return safe;
}
