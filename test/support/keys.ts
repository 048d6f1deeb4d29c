import { createHash } from "node:crypto";

/** A key of 32 bytes; the same number, the same key. */
export function testKey(number: number): Buffer {
  return createHash("sha256").update(`key ${number}`).digest();
}
