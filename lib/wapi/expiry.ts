import { CREDS_NAME } from "./names.ts";
import type { RedisKeys } from "./redis-keys.ts";

/**
 * The expiry of a session: seconds after its last change. All other records outlive the credentials, so that it expires as
 * a whole: a session without some of its records would be worse than none.
 */
export class Expiry {
  readonly #keys: RedisKeys;
  #ttlSeconds: number | undefined;
  /** When the expiry of all records was last renewed, by the monotonic clock. */
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(keys: RedisKeys, ttlSeconds: number | undefined) {
    this.#keys = keys;
    this.#ttlSeconds = ttlSeconds;
  }

  get isOn(): boolean {
    return this.#ttlSeconds !== undefined;
  }

  /**
   * Changes it: all records get it with the next change. One that ends is taken away at once, also one of earlier times: the
   * records that are not set again would expire, and others not. Only called while no changes are on their way.
   * @throws `UNAVAILABLE` when Redis does not answer: then it is as before
   */
  async use(ttlSeconds: number | undefined): Promise<void> {
    if (ttlSeconds === undefined) await this.#takeAway();
    if (ttlSeconds === this.#ttlSeconds) return;
    this.#ttlSeconds = ttlSeconds;
    this.#renewedAt = Number.NEGATIVE_INFINITY;
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

  /** To be called before each change: renews the expiry of all records when that is due: they are many. */
  async keepUp(): Promise<void> {
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
    if (ttlSeconds === this.#ttlSeconds) this.#renewedAt = now;
  }

  async #takeAway(): Promise<void> {
    if (!this.isOn && Number(await this.#keys.send(CREDS_NAME, ["ttl", this.#keys.at(CREDS_NAME)])) < 0) return;
    // Where this fails, the next change gives it to all records again.
    this.#renewedAt = Number.NEGATIVE_INFINITY;
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
