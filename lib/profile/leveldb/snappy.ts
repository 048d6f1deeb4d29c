import { Decoder } from "./format.ts";

/** More bytes than any block that LevelDB writes for a site's storage: a greater length is damage. */
const MAX_BYTES = 1 << 29;

/** Unpacks a raw Snappy block. @throws RangeError when `packed` is not one */
export function unsnappy(packed: Buffer): Buffer {
  const head = new Decoder(packed);
  const size = head.varint();
  // No Snappy element yields more than 64 bytes from 3: a length far beyond that cannot be true.
  if (size > MAX_BYTES || size > packed.length * 32 + 64) throw new RangeError("a Snappy block claims too much");
  const out = Buffer.alloc(size);
  let to = 0;
  for (let at = head.at; at < packed.length; ) {
    const tag = packed[at++] as number;
    let length: number;
    let back: number;
    if ((tag & 3) === 0) {
      length = (tag >>> 2) + 1;
      if (length > 60) {
        const width = length - 60;
        if (at + width > packed.length) throw new RangeError("a Snappy block ends too early");
        length = packed.readUIntLE(at, width) + 1;
        at += width;
      }
      if (at + length > packed.length || to + length > size) throw new RangeError("a Snappy literal is too long");
      packed.copy(out, to, at, at + length);
      at += length;
      to += length;
      continue;
    }
    const width = (tag & 3) === 3 ? 4 : tag & 3;
    if (at + width > packed.length) throw new RangeError("a Snappy block ends too early");
    if (width === 1) {
      length = ((tag >>> 2) & 7) + 4;
      back = ((tag >>> 5) << 8) | (packed[at] as number);
    } else {
      length = (tag >>> 2) + 1;
      back = packed.readUIntLE(at, width);
    }
    at += width;
    if (back === 0 || back > to || to + length > size) throw new RangeError("a Snappy copy is out of bounds");
    for (let i = 0; i < length; i++, to++) out[to] = out[to - back] as number;
  }
  if (to !== size) throw new RangeError("a Snappy block is shorter than it says");
  return out;
}
