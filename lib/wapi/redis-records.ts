import { evictionPolicy, mayEvict } from "../../adapters/redis/wire.ts";
import { VaultError } from "../errors.ts";
import { type Changes, isDeleted } from "./changes.ts";
import { Expiry } from "./expiry.ts";
import { isCurrent, packJournal, printOf, unpackJournal } from "./journal.ts";
import { CREDS_NAME, JOURNAL_NAME } from "./names.ts";
import { RedisKeys, type RedisPlace, unlinkAll } from "./redis-keys.ts";
import type { RecordStore } from "./write-line.ts";

/** How the records of a session are kept. */
export interface RedisRecordsOptions extends RedisPlace {
  readonly ttlSeconds: number | undefined;
  readonly onWarning: (message: string) => void;
}

/** How many credentials are remembered. */
const MOST_KNOWN = 8;

/**
 * The records of a session in Redis, as wapi keeps them: each is the value of a key of its own.
 *
 * Changes are one MULTI where one server has all keys. Elsewhere they are noted in a journal first: one key, and so all or
 * nothing. Changes that were begun are ended when the session is opened next, by whichever process.
 */
export class RedisRecords implements RecordStore {
  readonly #keys: RedisKeys;
  readonly #expiry: Expiry;
  #onWarning: (message: string) => void;
  /** Whether what is stored may have an expiry, and what a server may evict for that. */
  #mayExpire: boolean;
  /**
   * {@link printOf} the credentials that this process has read or may have stored last; none before it has read any. Several,
   * because a failover may bring older ones back.
   */
  #known: readonly string[] = [];
  #mayHaveJournal = false;
  #hasWarned = false;

  constructor({ ttlSeconds, onWarning, ...place }: RedisRecordsOptions) {
    this.#keys = new RedisKeys(place);
    this.#expiry = new Expiry(this.#keys, ttlSeconds);
    this.#onWarning = onWarning;
    this.#mayExpire = ttlSeconds !== undefined;
  }

  /** Says who opens it next. Warnings are theirs from now on. */
  beforeOpen({ ttlSeconds, onWarning }: Pick<RedisRecordsOptions, "ttlSeconds" | "onWarning">): void {
    this.#onWarning = onWarning;
    this.#mayExpire = ttlSeconds !== undefined;
  }

  /**
   * Changes when the session expires, for what is stored from now on; all records follow with the next change. That it
   * expires no more takes effect at once. Only called while no changes are on their way.
   */
  async expireAfter(ttlSeconds: number | undefined): Promise<void> {
    await this.#expiry.use(ttlSeconds);
  }

  get(name: string): Promise<Buffer | undefined> {
    return this.#keys.get(name);
  }

  /** @throws `INVALID` when nothing is stored, and the server may have evicted it */
  async open(): Promise<void> {
    const [creds, journal] = await Promise.all([this.get(CREDS_NAME), this.get(JOURNAL_NAME)]);
    await this.#lookAtEviction(creds === undefined);
    this.#know(printOf(creds));
    if (journal) await this.#finish(journal, creds);
  }

  async commit(changes: Changes, isAgain: boolean): Promise<void> {
    if (isAgain || this.#known.length === 0) await this.#assertCurrent();
    await this.#expiry.keepUp();
    const before = this.#known;
    const creds = changes.records.get(CREDS_NAME);
    // From the first request on, they may be stored.
    if (creds || isDeleted(changes.deleteAll, CREDS_NAME)) this.#know(printOf(creds));
    if (this.#keys.areTogether) await this.#commitAsOne(changes);
    else await this.#commitByJournal(changes, before);
  }

  async #commitAsOne(changes: Changes): Promise<void> {
    const set = [...changes.records].map(([name, bytes]) => this.#command(name, bytes));
    let doomed: string[];
    do {
      doomed = await this.#namesToDelete(changes);
      const unlink = unlinkAll(doomed.map((name) => this.#keys.at(name)));
      await this.#keys.sendAsOne("set", [...unlink, ...set, ...this.#expiry.renewCreds()]);
      // Another process may have set records meanwhile.
    } while (doomed.length > 0);
  }

  async #commitByJournal(changes: Changes, before: readonly string[]): Promise<void> {
    if (changes.records.size === 1 && !changes.deleteAll) {
      // Ended later, older changes would undo this one.
      if (this.#mayHaveJournal) await this.#deleteJournal();
      return await this.#apply(changes);
    }
    this.#mayHaveJournal = true;
    const journal = packJournal({ changes, before });
    await this.#keys.send(JOURNAL_NAME, [
      "set",
      this.#keys.at(JOURNAL_NAME),
      journal,
      ...this.#expiry.wordsFor(JOURNAL_NAME),
    ]);
    await this.#apply(changes);
    // The changes are made. A journal that is left makes them again, or is replaced by the next one.
    await this.#deleteJournal().catch(() => {});
  }

  /** Makes the changes, each by itself; made again, they come to the same. */
  async #apply(changes: Changes): Promise<void> {
    const doomed = await this.#namesToDelete(changes);
    await Promise.all([
      ...doomed.map((name) => this.#keys.send(name, this.#command(name, undefined))),
      ...[...changes.records].map(([name, bytes]) => this.#keys.send(name, this.#command(name, bytes))),
      ...this.#expiry.renewCreds().map((command) => this.#keys.send(CREDS_NAME, command)),
    ]);
  }

  /** Ends changes that were begun, unless somebody has gone on without them. */
  async #finish(bytes: Buffer, creds: Buffer | undefined): Promise<void> {
    const { uuid } = this.#keys;
    const journal = unpackJournal(bytes, `the journal of ${uuid}`);
    if (isCurrent(journal, creds)) {
      await this.#apply(journal.changes);
      this.#know(printOf(await this.get(CREDS_NAME)));
    } else {
      const why = "its credentials were saved since, by a program that does not know of them";
      this.#onWarning(`Changes of ${uuid} that were begun are given up: ${why}.`);
    }
    await this.#deleteJournal();
  }

  async #deleteJournal(): Promise<void> {
    await this.#keys.send(JOURNAL_NAME, this.#command(JOURNAL_NAME, undefined));
    this.#mayHaveJournal = false;
  }

  /** Changes that are late are not made once another process uses the session: it has gone on from what was stored. */
  async #assertCurrent(): Promise<void> {
    const stored = printOf(await this.get(CREDS_NAME));
    const isOurs = this.#known.length === 0 || this.#known.includes(stored);
    this.#know(stored);
    if (isOurs) return;
    const message = `Could not store records of ${this.#keys.uuid}: another process has saved its credentials since.`;
    throw new VaultError("LEASE_LOST", message, {
      hint: "Run one process per session. What this one could not store while Redis was away is given up.",
    });
  }

  #know(print: string): void {
    this.#known = [...this.#known.filter((known) => known !== print), print].slice(-MOST_KNOWN);
  }

  async #lookAtEviction(isAbsent: boolean): Promise<void> {
    const policy = evictionPolicy(await this.#keys.info(), this.#mayExpire || this.#expiry.isOn);
    if (policy === undefined) return;
    // Evicted or never stored: nobody knows.
    if (isAbsent) throw mayEvict(policy);
    if (!this.#hasWarned) this.#onWarning(mayEvict(policy).message);
    this.#hasWarned = true;
  }

  #command(name: string, bytes: Buffer | undefined): unknown[] {
    const at = this.#keys.at(name);
    return bytes ? ["set", at, bytes, ...this.#expiry.wordsFor(name)] : ["unlink", at];
  }

  async #namesToDelete({ deleteAll, records }: Changes): Promise<string[]> {
    if (!deleteAll) return [];
    const names = new Set<string>();
    for await (const page of this.#keys.pages()) for (const name of page) names.add(name);
    const isKept = (name: string): boolean => records.has(name) || (name === JOURNAL_NAME && !this.#keys.areTogether);
    return [...names].filter((name) => isDeleted(deleteAll, name) && !isKept(name));
  }
}
