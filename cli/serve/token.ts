import { createHash, timingSafeEqual } from "node:crypto";
import { VaultError } from "../../lib/errors.ts";

/** Shorter ones could be found by trying. */
const LEAST_LENGTH = 16;

/** The secret that a person or a bot shows. */
export class Token {
  readonly #digest: Buffer;

  /** @throws `INVALID` when it is short, or has letters that no header can have */
  constructor(text: string) {
    if (text.length < LEAST_LENGTH || !/^[\x21-\x7e]+$/.test(text)) {
      throw new VaultError(
        "INVALID",
        `WA_VAULT_SERVE_TOKEN must have ${LEAST_LENGTH} characters or more, and no spaces or letters beyond ASCII.`,
        { hint: "Make one: openssl rand -hex 24" },
      );
    }
    this.#digest = digestOf(text);
  }

  /** Whether a header `Authorization` has it. Takes the same time, whatever is wrong with it. */
  isIn(authorization: string | undefined): boolean {
    const [, text = ""] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    return timingSafeEqual(digestOf(text), this.#digest);
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
