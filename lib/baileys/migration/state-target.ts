import { VaultError } from "../../errors.ts";
import { isRegistered } from "../credentials.ts";
import { FAMILIES } from "../families.ts";
import { CREDS_KEY, recordKey } from "../record-key.ts";
import type { AnyAuthState, AuthenticationCreds } from "../types.ts";
import { decodeValue } from "../value-codec.ts";
import { type AuthRecords, credsOf, type EncodedRecord, signalRecords } from "./auth-records.ts";
import { batches, getSome, listIds } from "./readable-state.ts";
import { type AuthTarget, type MigrationRun, occupied, Side, type WrittenState } from "./sides.ts";

/** The state of a bot. */
interface WritableState {
  readonly state: AnyAuthState;
  readonly saveCreds: () => unknown;
}

/** The state of a bot, to be written: its keys first, each family after those that it needs, and its credentials last. */
export class StateTarget extends Side<WritableState> implements AuthTarget {
  constructor(state: WritableState, run: MigrationRun) {
    super("the target", state, run);
  }

  async write(records: AuthRecords, isReady: () => Promise<void>): Promise<WrittenState> {
    const { skipExisting, verify, tell, batchSize, signal } = this.run;
    const creds = credsOf(records, this.label);
    const all = signalRecords(records);
    const total = all.length;
    if (isRegistered(this.place.state.creds)) {
      if (!(await this.#hasExactly(creds, all))) throw occupied(this.label);
      return { isWritten: false, existing: total, isVerified: true };
    }
    const missing = skipExisting ? await this.#missing(all) : all;
    const existing = total - missing.length;
    await this.#deleteOthers(all);
    let done = existing;
    for (const some of inOrder(missing, batchSize)) {
      signal?.throwIfAborted();
      await this.#set(some);
      done += some.length;
      tell({ step: "writing", records: done, total });
    }
    if (verify) {
      const wrong = await this.#missing(all, (read) => tell({ step: "verifying", records: read, total }));
      if (wrong.length > 0) throw returnedOther(wrong.length);
    }
    await isReady();
    signal?.throwIfAborted();
    await this.#replaceCreds(creds);
    return { isWritten: true, existing, isVerified: verify };
  }

  async close(): Promise<void> {}

  async #hasExactly(creds: AuthenticationCreds, records: readonly EncodedRecord[]): Promise<boolean> {
    if (!this.run.values.isSame(CREDS_KEY, this.place.state.creds, creds)) return false;
    return (await this.#missing(records)).length === 0 && (await this.#others(records)).length === 0;
  }

  /** The records that the target does not have, or not with an equal value. */
  async #missing(
    records: readonly EncodedRecord[],
    onRead: (count: number) => void = () => {},
  ): Promise<EncodedRecord[]> {
    const missing: EncodedRecord[] = [];
    let read = 0;
    for (const { type, some } of inOrder(records, this.run.batchSize)) {
      this.run.signal?.throwIfAborted();
      const values = await getSome(
        this.place.state.keys,
        type,
        some.map(({ id }) => id),
      );
      const isThere = (record: EncodedRecord): boolean =>
        values.has(record.id) && this.run.values.isSame(type, values.get(record.id), this.#valueOf(record));
      missing.push(...some.filter((record) => !isThere(record)));
      read += some.length;
      onRead(read);
    }
    return missing;
  }

  /** The records that the target lists beside these: of an earlier attempt, or of a device that was never linked. */
  async #others(records: readonly EncodedRecord[]): Promise<{ type: string; id: string }[]> {
    const wanted = new Set(records.map(({ key }) => key));
    const others: { type: string; id: string }[] = [];
    for (const type of FAMILIES) {
      const ids = (await listIds(this.place.state.keys, type)) ?? [];
      others.push(...ids.filter((id) => !wanted.has(recordKey(type, id))).map((id) => ({ type, id })));
    }
    return others;
  }

  async #deleteOthers(records: readonly EncodedRecord[]): Promise<void> {
    const others = await this.#others(records);
    for (const type of new Set(others.map((one) => one.type))) {
      const ids = others.filter((one) => one.type === type).map(({ id }) => [id, null] as const);
      await this.place.state.keys.set({ [type]: Object.fromEntries(ids) });
    }
  }

  async #set({ type, some }: Batch): Promise<void> {
    const values = some.map((record) => [record.id, this.#valueOf(record)] as const);
    await this.place.state.keys.set({ [type]: Object.fromEntries(values) });
  }

  #valueOf({ type, id, bytes }: EncodedRecord): unknown {
    const value = decodeValue(bytes, `${type} ${id}`);
    return type === "app-state-sync-key" ? this.run.baileys.proto.Message.AppStateSyncKeyData.fromObject(value) : value;
  }

  /** Puts the credentials into the object that `saveCreds` and sockets have, and saves them. */
  async #replaceCreds(creds: AuthenticationCreds): Promise<void> {
    const own = this.place.state.creds;
    const before = { ...own };
    const put = (values: object): void => {
      for (const name of Object.keys(own)) Reflect.deleteProperty(own, name);
      Object.assign(own, values);
    };
    put(creds);
    try {
      await this.place.saveCreds();
    } catch (error) {
      // Not to be saved by a later `creds.update`.
      put(before);
      throw error;
    }
  }
}

/** Records of one family that are read or set at once. */
interface Batch {
  readonly type: string;
  readonly some: readonly EncodedRecord[];
  readonly length: number;
}

/** The records in batches: the families that others rely on come first, and before them those that are not known. */
function* inOrder(records: readonly EncodedRecord[], size: number): Generator<Batch> {
  const families = new Map<string, EncodedRecord[]>();
  for (const record of records) {
    const family = families.get(record.type) ?? [];
    family.push(record);
    families.set(record.type, family);
  }
  const known: readonly string[] = FAMILIES;
  for (const type of [...[...families.keys()].filter((one) => !known.includes(one)), ...known]) {
    for (const some of batches(families.get(type) ?? [], size)) yield { type, some, length: some.length };
  }
}

function returnedOther(count: number): VaultError {
  const message = `The target returned others than it was given: ${count} records differ or are missing.`;
  return new VaultError("CORRUPT", message, {
    hint: "The source is as it was, and the target got no credentials. Check its store, and migrate again.",
  });
}
