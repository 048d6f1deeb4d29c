import { createHash, hkdfSync } from "node:crypto";

/** A key of 32 bytes; the same number, the same key. */
export function testKey(number: number): Buffer {
  return createHash("sha256").update(`key ${number}`).digest();
}

/** The id of a key, as FORMAT.md derives it. */
export function keyIdOf(key: Buffer): string {
  return Buffer.from(hkdfSync("sha256", key, "", "wa-vault key id\0", 8)).toString("hex");
}
