import { createHmac, hash } from "node:crypto";

/** SHA-256 in hexadecimal. */
export function sha256(bytes: Buffer): string {
  return hash("sha256", bytes, "hex");
}

/** A keyed hash of a WhatsApp id: equal for the same phone, and meaningless without the key `salt`. */
export function pairingHash(salt: string, wid: string): string {
  return createHmac("sha256", Buffer.from(salt, "hex")).update(`pairing\0${wid}`).digest("hex").slice(0, 32);
}
