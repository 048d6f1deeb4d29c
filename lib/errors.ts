/**
 * The kind of a failure. Three codes must never be mistaken for one another: `ABSENT` (the store answered that it has
 * no such value), `UNAVAILABLE` (the store did not answer) and `CORRUPT` (the store answered with a damaged value).
 */
export type VaultErrorCode =
  /** The value is known not to exist. */
  | "ABSENT"
  /** The store or the disk did not answer: an outage, a timeout, a full disk. Nothing is known of the value. */
  | "UNAVAILABLE"
  /** The value was read, and is torn, tampered with or incomplete. */
  | "CORRUPT"
  /** Another writer created the value first. */
  | "CONFLICT"
  /** Another process has the session, or another start or a running browser has the local profile; see `owner`. */
  | "LEASE_HELD"
  /** Another process has taken the session over; this process must not write any more. */
  | "LEASE_LOST"
  /** The value is encrypted, and its key was not given: the session is there, and nothing was changed. */
  | "WRONG_KEY"
  /** The store or the disk refused the credentials, or a permission is missing. */
  | "DENIED"
  /** The value is larger than the store or the disk accepts. */
  | "TOO_LARGE"
  /** The caller's input is wrong. */
  | "INVALID"
  /** The caller ended the operation before it was done: the store is all right. */
  | "CANCELLED";

/** The fields of a {@link VaultError} beside its message. */
export interface VaultErrorOptions {
  /** The error that caused this one. */
  cause?: unknown;
  /** The next step for a person, in one sentence. */
  hint?: string | undefined;
  /** Whether the same call may succeed when it is made again. @default true for `UNAVAILABLE`, else false */
  retryable?: boolean;
  /** `LEASE_HELD` only: the process that has the session, `<host>:<pid>`, or that has the profile open, `<host>-<pid>`. */
  owner?: string | undefined;
  /** `LEASE_HELD` of a session only: when its lease ends, as far as this process knows, unless it is renewed. */
  expiresAt?: Date;
}

/** The one error class of the library. A message names the failed action and the reason, and no secret. */
export class VaultError extends Error {
  /** Always "VaultError". */
  override readonly name: string = "VaultError";
  /** The kind of the failure. */
  readonly code: VaultErrorCode;
  /** The next step for a person, in one sentence. */
  readonly hint: string | undefined;
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean;
  /** `LEASE_HELD` only: the process that has the session, `<host>:<pid>`, or the profile, `<host>-<pid>`. */
  readonly owner: string | undefined;
  /** `LEASE_HELD` of a session only: when its lease ends, unless it is renewed. */
  readonly expiresAt: Date | undefined;

  /** @param message names the failed action and the reason, and no secret */
  constructor(code: VaultErrorCode, message: string, options: VaultErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? code === "UNAVAILABLE";
    this.owner = options.owner;
    this.expiresAt = options.expiresAt;
  }
}

/** Whether `error` is a {@link VaultError}, and has `code` when one is given. */
export function isVaultError(error: unknown, code?: VaultErrorCode): error is VaultError {
  return error instanceof VaultError && (code === undefined || error.code === code);
}

/** An `INVALID` error in the one sentence shape of option errors: "Expected `name` to be …, got …". */
export function invalidOption(name: string, expected: string, got: unknown): VaultError {
  return new VaultError("INVALID", `Expected \`${name}\` to be ${expected}, got ${describe(got)}.`);
}

/** The error for a store whose `sessionExists` answers neither `true` nor `false`. @param failed begins the message */
export function noAnswer(failed: string, answer: unknown): VaultError {
  const what = typeof answer === "number" || answer === null ? kindOf(answer) : describe(answer);
  return new VaultError("UNAVAILABLE", `${failed}: the store answered neither true nor false, but ${what}.`, {
    hint:
      "Only `true` means that the session is there, and only `false` that it is not. wwebjs-aws-s3 answers undefined in an " +
      "outage: check the store. In a store of your own make a boolean of a row or a count, as in `count > 0`.",
  });
}

function kindOf(value: number | null): string {
  return value === null ? "null" : "a number";
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

/** The message of a foreign error without secrets: the user and password of URLs are removed. */
export function safeMessage(cause: unknown): string {
  const text = cause instanceof Error ? cause.message || cause.name : String(cause);
  // Up to the last `@`: a password may contain `@` and `/`. The `file:` URLs of stacks are no secrets.
  return text.replace(/(?<!\bfile:\/?)\/\/\S*@/g, "//");
}

/**
 * A foreign error for use as a `cause`: the error itself, or a copy with the {@link safeMessage} when it has a secret.
 */
export function safeCause(cause: unknown): unknown {
  if (!(cause instanceof Error)) return typeof cause === "string" ? safeMessage(cause) : cause;
  if (safeMessage(cause) === cause.message && safeMessage(cause.stack ?? "") === (cause.stack ?? "")) return cause;
  const safe = new Error(safeMessage(cause));
  safe.name = cause.name;
  return safe;
}
