import { randomBytes } from "node:crypto";

/** What a socket of Baileys hands to `keys.set`. */
export type RecordSet = Record<string, Record<string, unknown>>;

/** Random text to cut values from: they are keys and ciphertexts in Base64, which hardly compress. */
const pool = randomBytes(768 * 1024).toString("base64");
let at = 0;

/** Text in Base64 that no other call has answered, for as long as nobody looks closely. */
export function base64(length: number): string {
  if (length > pool.length) return base64(pool.length) + base64(length - pool.length);
  at = (at + 7919) % (pool.length - length + 1);
  return pool.slice(at, at + length);
}

/** Bytes whose content is text in Base64, as those of sender keys are JSON. */
export function bytes(length: number): Buffer {
  return Buffer.from(base64(length), "latin1");
}

/** A Signal session, in the form that Baileys stores: an object of text, of about so many bytes as JSON. */
export function session(length: number): object {
  const head = {
    registrationId: at % 16_384,
    baseKey: base64(44),
    ephemeralKeyPair: { pubKey: base64(44), privKey: base64(44) },
  };
  return { _sessions: { [base64(44)]: { ...head, chain: base64(Math.max(0, length - 350)) } }, version: "v1" };
}

export function preKey(): object {
  return { public: randomBytes(32), private: randomBytes(32) };
}

/** The address of a contact in keys. */
export function contactId(index: number): string {
  return `${100_000_000_000_000 + index}_1.0`;
}

/** The records of a contact who was written to: a session, an identity, two mappings, a list of devices, a token. */
export function contactRecords(index: number, sessionBytes = 1_500): RecordSet {
  const [user, phone] = [String(100_000_000_000_000 + index), String(5_511_900_000_000 + index)];
  return {
    session: { [contactId(index)]: session(sessionBytes) },
    "identity-key": { [contactId(index)]: randomBytes(33) },
    "lid-mapping": { [phone]: user, [`${user}_reverse`]: phone },
    "device-list": { [user]: ["0"] },
    tctoken: { [`${user}@lid`]: { token: randomBytes(36), timestamp: "1790000000" } },
  };
}

/** Contacts, and for each twentieth a sender key of 20 KB, that make so many bytes of JSON. */
export function* recordsOf(total: number): Generator<RecordSet> {
  for (let index = 0, made = 0; made < total; index++) {
    const records = contactRecords(index, 900 + ((index * 397) % 8_000));
    if (index % 20 === 0)
      records["sender-key"] = { [`${120_363_000_000_000 + index}@g.us::${index}::0`]: bytes(20_000) };
    made += JSON.stringify(records, textOfBytes).length;
    yield records;
  }
}

/** Bytes as Base64: as most states store them. */
function textOfBytes(_: string, value: unknown): unknown {
  const { type, data } = Object(value) as { type?: unknown; data?: unknown };
  return type === "Buffer" && Array.isArray(data) ? Buffer.from(data).toString("base64") : value;
}
