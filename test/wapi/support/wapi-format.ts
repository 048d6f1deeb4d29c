import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";

// wapi's format, as it is described, and without a line of the code under test.

/** The name of the record that has this key: `creds`, or `<type>-<id>`. */
export function md5(key: string): string {
  return createHash("md5").update(key).digest("hex");
}

/** The record that wapi makes of a text. */
export function wapiRecord(uuid: string, text: string): Buffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", createHash("sha256").update(uuid).digest(), iv);
  const encrypted = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), encrypted]);
}

/** The text that wapi reads from a record. */
export function wapiText(uuid: string, record: Buffer): string {
  const decipher = createDecipheriv("aes-256-gcm", createHash("sha256").update(uuid).digest(), record.subarray(0, 12), {
    authTagLength: 16,
  });
  decipher.setAuthTag(record.subarray(12, 28));
  return Buffer.concat([decipher.update(record.subarray(28)), decipher.final()]).toString("utf8");
}

/** The value that wapi reads from a record. */
export function wapiValue(uuid: string, record: Buffer): unknown {
  return JSON.parse(wapiText(uuid, record), (_, value) =>
    value?.type === "Buffer" || typeof value?.data === "string" ? Buffer.from(value.data, "base64") : value,
  );
}

/** The text that wapi makes of a value: messages by their own `toJSON`, then bytes in base64. */
export function wapiJson(value: unknown): string {
  return JSON.stringify(value, (_, one) =>
    one instanceof Uint8Array || one?.type === "Buffer"
      ? { type: "Buffer", data: Buffer.from(one.data ?? one).toString("base64") }
      : one,
  );
}

/** The vector of the format: a record, and the text that it decrypts to. */
export const VECTOR: { uuid: string; creds: string; record: Buffer; text: string } = {
  uuid: "550e8400-e29b-41d4-a716-446655440000",
  creds: "dcce9ae0a500c4342e7472977294bde6",
  record: Buffer.from(
    "000102030405060708090a0b0d1a27d0ec4b27e7e9aff61b4a19e9bfb8f2b8d4b3b5ee3f1ae0d355c3bc9f592f18c91c8354e046070488df24b4c4d4144cf357766d6a07b9d6f109e60d153a981bc6f2b2fac05d809b3537d1741029f4c01bf7786db656a1c25f6a0aa0031276fa71af",
    "hex",
  ),
  text: '{"public":{"type":"Buffer","data":"AQID"},"private":{"type":"Buffer","data":"BAUG"}}',
};
