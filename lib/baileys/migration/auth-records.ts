// `lib/baileys/migration` moves the authentication state of a bot from one place to another. Each kind of place has a file
// with its source and its target; `sides.ts` has what both promise.
import { isDeepStrictEqual } from "node:util";
import { VaultError } from "../../errors.ts";
import { credentialsFault, decodeCreds } from "../credentials.ts";
import { CREDS_KEY, isOwnKey, PRE_KEY_MARK_KEY, parseRecordKey, recordKey } from "../record-key.ts";
import { preKeyMark } from "../signal-keys.ts";
import type { AuthenticationCreds, BaileysModule } from "../types.ts";
import { decodeValue, encodeValue } from "../value-codec.ts";

/** A record with its value as Baileys has it. */
export interface AuthRecord {
  readonly type: string;
  readonly id: string;
  readonly value: unknown;
}

/**
 * An authentication state as a vault keeps it, by key: the credentials, the mark of pre-keys, and all Signal records. The
 * credentials never offer a pre-key whose id was used.
 */
export type AuthRecords = ReadonlyMap<string, Buffer>;

/**
 * A state as a vault keeps it.
 * @param label of the place that it comes from, for errors
 * @throws `CORRUPT` when these are no credentials; `INVALID` when a value cannot be stored
 */
export function authRecords(creds: unknown, records: Iterable<AuthRecord>, label: string): AuthRecords {
  const fault = credentialsFault(creds);
  if (fault) throw new VaultError("CORRUPT", `Could not read the credentials of ${label}: ${fault}.`);
  const encoded = new Map([[CREDS_KEY, encodeValue(creds, `the credentials of ${label}`)]]);
  for (const { type, id, value } of records) encoded.set(recordKey(type, id), encodeValue(value, `${type} ${id}`));
  return withPreKeyMark(encoded, label);
}

/** The records with a mark that is right, and credentials that go by it. @throws `CORRUPT` when they have no credentials */
export function withPreKeyMark(records: AuthRecords, label: string): AuthRecords {
  const creds = decodeCreds(records.get(CREDS_KEY) ?? Buffer.alloc(0), label);
  const ids = signalRecords(records)
    .filter(({ type }) => type === "pre-key")
    .map(({ id }) => Number(id));
  const marked = preKeyMark(records.get(PRE_KEY_MARK_KEY));
  const mark = ids.filter(Number.isSafeInteger).reduce((most, id) => Math.max(most, id), marked);
  const right = new Map(records);
  if (mark > marked) right.set(PRE_KEY_MARK_KEY, encodeValue(mark, "the mark of pre-keys"));
  if (!(creds.nextPreKeyId > mark)) {
    right.set(CREDS_KEY, encodeValue({ ...creds, nextPreKeyId: mark + 1 }, `the credentials of ${label}`));
  }
  return right;
}

/** The credentials among the records. */
export function credsOf(records: AuthRecords, label: string): AuthenticationCreds {
  return decodeCreds(records.get(CREDS_KEY) ?? Buffer.alloc(0), label);
}

/** A Signal record among {@link AuthRecords}. */
export interface EncodedRecord {
  readonly key: string;
  readonly type: string;
  readonly id: string;
  readonly bytes: Buffer;
}

/** The Signal records among them. */
export function signalRecords(records: AuthRecords): EncodedRecord[] {
  return [...records].flatMap(([key, bytes]) => {
    const record = parseRecordKey(key);
    return record ? [{ key, ...record, bytes }] : [];
  });
}

/** How many Signal records there are, by family. */
export function countByFamily(records: AuthRecords): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of signalRecords(records)) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

/** What differs between two states, as a clause; `undefined` when both have the same bytes under the same keys. */
export function differenceOf(one: AuthRecords, other: AuthRecords): string | undefined {
  const keys = new Set([...one.keys(), ...other.keys()]);
  const different = [...keys].filter((key) => {
    const [first, second] = [one.get(key), other.get(key)];
    return first === undefined || second === undefined || !first.equals(second);
  });
  const [key] = different;
  return key === undefined ? undefined : `${different.length} records differ, e.g. ${key.replace("\0", " ")}`;
}

/** Compares values by what sockets make of them. */
export class ValueComparison {
  readonly #baileys: BaileysModule;

  constructor(baileys: BaileysModule) {
    this.#baileys = baileys;
  }

  /**
   * Whether two values of a family, or two credentials, are equal: app state keys by their encoding as protobuf, which has
   * several forms in JSON; a member that is undefined is as one that is absent.
   */
  isSame(type: string, one: unknown, other: unknown): boolean {
    if (type !== "app-state-sync-key") return isDeepStrictEqual(plain(one), plain(other));
    const { AppStateSyncKeyData } = this.#baileys.proto.Message;
    const [first, second] = [one, other].map((value) => {
      return AppStateSyncKeyData.encode(AppStateSyncKeyData.fromObject(value)).finish();
    });
    return Buffer.from(first ?? []).equals(Buffer.from(second ?? []));
  }

  /** Whether two states are equal, but for what only a vault keeps. */
  areSame(one: AuthRecords, other: AuthRecords): boolean {
    const [first, second] = [one, other].map((records) => {
      return new Map([...records].filter(([key]) => !isOwnKey(key)));
    });
    if (!first || !second || first.size !== second.size) return false;
    return [...first].every(([key, bytes]) => {
      const match = second.get(key);
      return match !== undefined && (match.equals(bytes) || this.#isSameRecord(key, bytes, match));
    });
  }

  #isSameRecord(key: string, one: Buffer, other: Buffer): boolean {
    return this.isSame(parseRecordKey(key)?.type ?? key, decodeValue(one, key), decodeValue(other, key));
  }
}

/** The value without what JSON and protobuf add to it or leave out: classes, and members that are undefined. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (value instanceof Map || value instanceof Set)
    return new (value.constructor as MapConstructor)(plain([...value]) as []);
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, plain(member)]),
  );
}
