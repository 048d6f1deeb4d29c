import { VaultError } from "../../errors.ts";

/** One attempt at a capture has failed; `captureProfile` makes another one. */
export class InconsistentCapture extends Error {
  override readonly name: string = "InconsistentCapture";
  /** Whether the same reason in every attempt means damage; a race that every attempt loses does not. */
  readonly damage: boolean;
  /** What a person can do about it, if that is known. */
  readonly hint: string | undefined;

  constructor(reason: string, damage: boolean, hint?: string) {
    super(reason);
    this.damage = damage;
    this.hint = hint;
  }
}

/**
 * A file that the capture did not copy, because its bytes are stored already or no browser was running, has changed
 * since. A new live capture without `CaptureOptions.stored` copies every file that may change, and can be read to its
 * end.
 */
export class StaleRead extends VaultError {
  constructor(path: string, options: { cause?: unknown } = {}) {
    super("UNAVAILABLE", `Could not read ${path}: it has changed since the capture.`, options);
  }
}
