import { turns } from "../async/turns.ts";
import { credentialsFault } from "../baileys/credentials.ts";
import type { AuthenticationCreds, BaileysModule } from "../baileys/types.ts";
import { VaultError } from "../errors.ts";
import { Candidates } from "./candidates.ts";
import { CREDS_NAME, PRE_KEY_MARK_NAME, recordName } from "./names.ts";
import type { RecordCipher } from "./record-cipher.ts";
import type { StoredRecords } from "./stored-records.ts";
import { decodeText } from "./value-text.ts";

/** Ids that are tried for one family at most: half a minute of processor time. */
const MOST_TRIED = 20_000_000;
const TRIED_AT_ONCE = 1_000;

/** What a snapshot is made of. */
export interface SnapshotOptions {
  readonly uuid: string;
  readonly cipher: RecordCipher;
  readonly baileys: BaileysModule;
  readonly jids: readonly string[];
}

/** All of a session, as it was read at once. */
export class Snapshot {
  readonly creds: AuthenticationCreds | undefined;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #candidates: Candidates;
  readonly #baileys: BaileysModule;
  readonly #named = new Set<string>();

  private constructor(
    creds: AuthenticationCreds | undefined,
    values: ReadonlyMap<string, unknown>,
    candidates: Candidates,
    baileys: BaileysModule,
  ) {
    this.creds = creds;
    this.#values = values;
    this.#candidates = candidates;
    this.#baileys = baileys;
  }

  /** @throws `CORRUPT` when a record is damaged, or the credentials are none; `WRONG_KEY` */
  static async of(records: StoredRecords, { uuid, cipher, baileys, jids }: SnapshotOptions): Promise<Snapshot> {
    const values = new Map<string, unknown>();
    const known = new Candidates();
    for (const jid of jids) known.learnJid(jid);
    for (const [name, record] of records) {
      await turns.next();
      const what = name === CREDS_NAME ? `the credentials of ${uuid}` : `the record ${name} of ${uuid}`;
      const value = decodeText(cipher.open(name, record, what), what);
      if (value !== null) values.set(name, value);
      known.learn(value);
    }
    const creds = credsOf(values, uuid);
    if (creds?.myAppStateKeyId) known.learnSyncKey(creds.myAppStateKeyId);
    for (const name of [CREDS_NAME, PRE_KEY_MARK_NAME]) values.delete(name);
    return new Snapshot(creds, values, known, baileys);
  }

  /** The values of these ids; those that are absent are left out. */
  get(type: string, ids: Iterable<string>): Map<string, unknown> {
    const { AppStateSyncKeyData } = this.#baileys.proto.Message;
    const found = new Map<string, unknown>();
    for (const id of ids) {
      const name = recordName(type, id);
      const value = this.#values.get(name);
      if (value === undefined) continue;
      this.#named.add(name);
      found.set(id, type === "app-state-sync-key" ? AppStateSyncKeyData.fromObject(value) : value);
    }
    return found;
  }

  /** The ids of a family that can be found out. */
  async idsOf(type: string): Promise<string[]> {
    const found = new Set<string>();
    let tried = 0;
    for (const id of this.#candidates.idsOf(type)) {
      if (++tried > MOST_TRIED) break;
      if (tried % TRIED_AT_ONCE === 0) await turns.next();
      if (this.#values.has(recordName(type, id))) found.add(id);
    }
    return [...found];
  }

  /** How many records nobody has asked for by {@link get}. */
  get unnamed(): number {
    return this.#values.size - this.#named.size;
  }
}

function credsOf(values: ReadonlyMap<string, unknown>, uuid: string): AuthenticationCreds | undefined {
  const creds = values.get(CREDS_NAME);
  if (creds === undefined) return undefined;
  const fault = credentialsFault(creds);
  if (fault) throw new VaultError("CORRUPT", `Could not read the credentials of ${uuid}: ${fault}.`);
  const { nextPreKeyId, ...rest } = creds as AuthenticationCreds;
  const mark = Number(values.get(PRE_KEY_MARK_NAME) ?? 0);
  return { ...rest, nextPreKeyId: Math.max(nextPreKeyId, mark + 1) };
}
