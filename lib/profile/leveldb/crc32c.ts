import { type Crc32c, findNativeCrc32c } from "./native-crc32c.ts";

/** From so many bytes on, a call of the native function takes less time than the function in JavaScript. */
const NATIVE_BYTES = 256;

/** Looked for with the first bytes that it is worth it for; `null` before. */
let native: Crc32c | undefined | null = null;

/** The reflected Castagnoli polynomial. `zlib.crc32` is another one. */
const POLYNOMIAL = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;

/** Eight tables of 256 entries, one after the other, for eight bytes per step. */
const TABLES: Int32Array = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256] as number;
    tables[index] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
}

/** CRC-32C of `bytes[start, end)`, unsigned. */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  if (end - start < NATIVE_BYTES) return crc32cInJavaScript(bytes, start, end);
  if (native === null) native = findNativeCrc32c();
  return native ? native(bytes.subarray(start, end)) : crc32cInJavaScript(bytes, start, end);
}

/**
 * The same, without the native function. The caller stays within the bounds. There are no functions in the loop, because
 * the engine stops inlining them long before its end: the loop took half as long again with them.
 */
export function crc32cInJavaScript(b: Uint8Array, start: number, end: number): number {
  const t = TABLES;
  let crc = -1;
  let i = start;
  for (const whole = end - 7; i < whole; i += 8) {
    crc ^= (b[i] as number) | ((b[i + 1] as number) << 8) | ((b[i + 2] as number) << 16) | ((b[i + 3] as number) << 24);
    crc =
      (t[1792 + (crc & 0xff)] as number) ^
      (t[1536 + ((crc >>> 8) & 0xff)] as number) ^
      (t[1280 + ((crc >>> 16) & 0xff)] as number) ^
      (t[1024 + (crc >>> 24)] as number) ^
      (t[768 + (b[i + 4] as number)] as number) ^
      (t[512 + (b[i + 5] as number)] as number) ^
      (t[256 + (b[i + 6] as number)] as number) ^
      (t[b[i + 7] as number] as number);
  }
  for (; i < end; i++) crc = (t[(crc ^ (b[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The form in which LevelDB stores a CRC, so that the CRC of data that contains CRCs stays useful. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
