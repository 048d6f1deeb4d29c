import { createHmac, hash, type KeyObject } from "node:crypto";

/** SHA-256 in hexadecimal. */
export function sha256(bytes: Buffer): string {
  return hash("sha256", bytes, "hex");
}

/** The hash that names a content: SHA-256, and with a key the HMAC-SHA-256 by it; in hexadecimal. */
export function hashOf(content: Buffer, key: KeyObject | undefined): string {
  return key ? createHmac("sha256", key).update(content).digest("hex") : sha256(content);
}

/** A keyed hash of a WhatsApp id: equal for the same phone, and meaningless without the key `salt`. */
export function pairingHash(salt: string, wid: string): string {
  return createHmac("sha256", Buffer.from(salt, "hex")).update(`pairing\0${wid}`).digest("hex").slice(0, 32);
}
