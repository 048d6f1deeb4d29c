import { setImmediate } from "node:timers/promises";
import { type RecordChange, sizeOf } from "../../../../lib/vault/records/record-bytes.ts";
import type { SessionRecords } from "../../../../lib/vault/records/session-records.ts";
import { Vault } from "../../../../lib/vault/vault.ts";
import { MeasuredBlobs } from "../../support/measured-blobs.ts";
import { Requests } from "../../support/requests.ts";

const session = "Baileys-bot";
/** More than are loose, or wait to be deleted, while nothing is put together; with the holds. */
const SETTLED_ENTRIES = 60;

/** What some sets cost, each for one set, and what is stored meanwhile. */
export interface Growth {
  readonly puts: number;
  /** Keys. */
  readonly deletes: number;
  readonly gets: number;
  readonly lists: number;
  /** Entries that say what was set. */
  readonly entries: number;
  /** Bytes that were put for each byte that was set. */
  readonly written: number;
  /** The most bytes that were stored, for each byte of the records at the end. */
  readonly space: number;
  /** Requests of the next open, until the records can be read. */
  readonly openRequests: number;
  /** Bytes of all records. */
  readonly stateBytes: number;
}

/** Counts the requests of a bot on the records of one session. */
export class GrowthRun {
  readonly #measured = new MeasuredBlobs();
  readonly #requests = new Requests(this.#measured);
  readonly #errors: unknown[] = [];
  #records: SessionRecords | undefined;

  /** Sets what `sets` yields, `atOnce` sets at once. */
  async set(sets: Iterable<RecordChange[]>, atOnce = 1): Promise<{ count: number; bytes: number }> {
    this.#records ??= await this.#open();
    let count = 0;
    let bytes = 0;
    const some: Promise<void>[] = [];
    for (const changes of sets) {
      count++;
      bytes += changes.reduce((sum, change) => sum + sizeOf(change), 0);
      some.push(this.#records.set(changes));
      if (some.length < atOnce) continue;
      await Promise.all(some.splice(0));
      // So much time for other work at least every store gives a process.
      await setImmediate();
    }
    await Promise.all(some);
    return { count, bytes };
  }

  /** What these sets cost. */
  async measure(sets: Iterable<RecordChange[]>, atOnce = 1): Promise<Growth> {
    this.#requests.take();
    this.#requests.bytesPut = 0;
    this.#measured.takeMost();
    const { count, bytes } = await this.set(sets, atOnce);
    const log = this.#requests.take();
    const { bytesPut } = this.#requests;
    const most = this.#measured.takeMost();
    const of = (begin: string): string[] => log.filter((request) => request.startsWith(begin));
    const stateBytes = this.#stateBytes();
    return {
      puts: of("put ").length / count,
      deletes: of("delete ").flatMap((request) => request.split(" ").slice(1)).length / count,
      gets: of("get ").length / count,
      lists: of("list ").length / count,
      entries: of(`put ${session}/log/`).length / count,
      written: bytesPut / bytes,
      space: most.bytes / stateBytes,
      openRequests: await this.#openAgain(),
      stateBytes,
    };
  }

  /** @throws what a holder was told to go on without */
  async end(): Promise<void> {
    await this.#records?.close();
    if (this.#errors.length > 0) throw this.#errors[0];
  }

  #stateBytes(): number {
    const records = this.#records;
    if (!records) return 0;
    return records.keys().reduce((sum, key) => sum + sizeOf([key, records.get(key)]), 0);
  }

  async #openAgain(): Promise<number> {
    // A fold that is under way may come to its end.
    for (let n = 0; this.#measured.held.entries > SETTLED_ENTRIES; n++) {
      await this.set([[["settling", Buffer.from(String(n))]]]);
    }
    await this.#records?.close();
    this.#requests.take();
    this.#records = await this.#open();
    return this.#requests.take().length;
  }

  #open(): Promise<SessionRecords> {
    const vault = new Vault({ blobs: this.#requests, retries: 0 });
    return vault.openRecords({ session, onError: (error) => this.#errors.push(error) });
  }
}
