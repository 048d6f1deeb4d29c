import { createHash, createHmac } from "node:crypto";

/** SHA-256 in hexadecimal. */
export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A hash that tells whether two phones are the same, and says nothing of whose they are to somebody without the key. */
export function pairingHash(salt: string, wid: string): string {
  return createHmac("sha256", Buffer.from(salt, "hex")).update(`pairing\0${wid}`).digest("hex").slice(0, 32);
}
