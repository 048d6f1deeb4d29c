import { VaultError } from "../../errors.ts";
import { FAMILIES } from "../families.ts";
import { type AuthRecord, type AuthRecords, authRecords, differenceOf } from "./auth-records.ts";
import { KnownRecords } from "./known-records.ts";
import type { ReadableState } from "./readable-state.ts";
import { type AuthSource, changed, type MigrationRun, Side, type SourceContent } from "./sides.ts";

/** A state that is read by its ids: all that it lists, else those that its credentials and values tell of. */
export class StateSource extends Side<ReadableState> implements AuthSource {
  #records: AuthRecords | undefined;

  constructor(state: ReadableState, run: MigrationRun) {
    super(state.label, state, run);
  }

  async read(): Promise<SourceContent> {
    const { tell, warn } = this.run;
    const { records, count, isListed } = await this.#readAll((done) => tell({ step: "reading", records: done }));
    this.#records = records;
    if (!isListed) {
      warn(
        `${this.label} cannot list all of its records: ${count} were found, by the ids that its credentials and values tell of. Sessions and sender keys of other contacts and groups stay behind; sockets ask for them anew.`,
      );
    }
    return { records, skipped: [] };
  }

  async assertUnchanged(): Promise<void> {
    const { records } = await this.#readAll();
    const difference = differenceOf(this.#records ?? new Map(), records);
    if (difference) throw changed(this.label, difference);
  }

  async close(): Promise<void> {}

  async #readAll(
    onRecord: (count: number) => void = () => {},
  ): Promise<{ records: AuthRecords; count: number; isListed: boolean }> {
    const { batchSize, signal } = this.run;
    const creds = await this.place.creds();
    if (!creds) throw new VaultError("ABSENT", `There is no session in ${this.label}: it has no credentials.`);
    const records: AuthRecord[] = [];
    const unlisted: string[] = [];
    for (const type of FAMILIES) {
      const all = this.place.all(type);
      if (!all) unlisted.push(type);
      for await (const [id, value] of all ?? []) {
        signal?.throwIfAborted();
        if (value !== null && value !== undefined) records.push({ type, id, value });
        onRecord(records.length);
      }
    }
    if (unlisted.length > 0) {
      records.push(...(await new KnownRecords(this.place, creds, { batchSize, signal }).find(unlisted)));
      onRecord(records.length);
    }
    return { records: authRecords(creds, records, this.label), count: records.length, isListed: unlisted.length === 0 };
  }
}
