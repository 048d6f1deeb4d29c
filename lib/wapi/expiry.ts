import { CREDS_NAME } from "./names.ts";
import type { RedisKeys } from "./redis-keys.ts";

/**
 * The expiry of a session: seconds after its last change. All other records outlive the credentials, so that it expires as
 * a whole: a session without some of its records would be worse than none.
 */
export class Expiry {
  readonly #keys: RedisKeys;
  readonly #ttlSeconds: number | undefined;
  /** When the expiry of all records was last renewed, by the monotonic clock. */
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(keys: RedisKeys, ttlSeconds: number | undefined) {
    this.#keys = keys;
    this.#ttlSeconds = ttlSeconds;
  }

  get isOn(): boolean {
    return this.#ttlSeconds !== undefined;
  }

  /** The end of a command that sets the record of this name. */
  wordsFor(name: string): string[] {
    return this.#ttlSeconds === undefined ? [] : ["EX", this.#secondsFor(name, this.#ttlSeconds)];
  }

  /** What each change has beside it: the command that renews the expiry of the credentials. */
  renewCreds(): string[][] {
    return this.#ttlSeconds === undefined
      ? []
      : [["expire", this.#keys.at(CREDS_NAME), this.#secondsFor(CREDS_NAME, this.#ttlSeconds)]];
  }

  /** Renews the expiry of all records when that is due: they are many. */
  async renewWhenDue(): Promise<void> {
    const now = performance.now();
    const ttlSeconds = this.#ttlSeconds;
    if (ttlSeconds === undefined || now - this.#renewedAt < (ttlSeconds * 1_000) / 4) return;
    for await (const names of this.#keys.pages()) {
      await this.#keys.sendEach("expire", names, (name) => [
        "expire",
        this.#keys.at(name),
        this.#secondsFor(name, ttlSeconds),
      ]);
    }
    this.#renewedAt = now;
  }

  /** Takes away an expiry of earlier times: the records that are not set again would expire, and others not. */
  async endWhenOff(): Promise<void> {
    if (this.isOn || Number(await this.#keys.send(CREDS_NAME, ["ttl", this.#keys.at(CREDS_NAME)])) < 0) return;
    const persist = (name: string): string[] => ["persist", this.#keys.at(name)];
    for await (const names of this.#keys.pages()) {
      await this.#keys.sendEach(
        "persist",
        names.filter((name) => name !== CREDS_NAME),
        persist,
      );
    }
    // Last: while they have an expiry, the next opening does it again.
    await this.#keys.sendEach("persist", [CREDS_NAME], persist);
  }

  #secondsFor(name: string, ttlSeconds: number): string {
    return String(name === CREDS_NAME ? ttlSeconds : ttlSeconds * 2);
  }
}
