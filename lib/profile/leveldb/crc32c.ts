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

/** The same, without the native function. */
export function crc32cInJavaScript(bytes: Uint8Array, start: number, end: number): number {
  const t = TABLES;
  const b = bytes as unknown as { readonly [index: number]: number };
  const at = t as unknown as { readonly [index: number]: number };
  let crc = -1;
  let i = start;
  for (const whole = end - 7; i < whole; i += 8) {
    crc ^= at8(b, i);
    crc =
      g(at, 1792 + (crc & 0xff)) ^
      g(at, 1536 + ((crc >>> 8) & 0xff)) ^
      g(at, 1280 + ((crc >>> 16) & 0xff)) ^
      g(at, 1024 + (crc >>> 24)) ^
      g(at, 768 + g(b, i + 4)) ^
      g(at, 512 + g(b, i + 5)) ^
      g(at, 256 + g(b, i + 6)) ^
      g(at, g(b, i + 7));
  }
  for (; i < end; i++) crc = g(at, (crc ^ g(b, i)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Numbers = { readonly [index: number]: number };

/** The engine inlines it. The caller stays within the bounds. */
function g(numbers: Numbers, index: number): number {
  return numbers[index] as number;
}

function at8(b: Numbers, i: number): number {
  return g(b, i) | (g(b, i + 1) << 8) | (g(b, i + 2) << 16) | (g(b, i + 3) << 24);
}

/** The form in which LevelDB stores a CRC, so that the CRC of data that contains CRCs stays useful. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
