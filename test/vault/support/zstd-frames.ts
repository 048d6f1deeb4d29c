/** The content of {@link zstdChunk}: 17,819 bytes. */
export const zstdContent: Buffer = Buffer.from(
  Array.from({ length: 1_000 }, (_, n) => `${(n * n) % 61} green bottles, `).join(""),
);

/** A chunk that this library has written on Node.js 24.21. */
export const zstdChunk: Buffer = Buffer.from(
  "V0FWAQICAAAAAEWbKLUv/WCbRO0FAHJGERLAFzq75M1KNRS5pUxJJuYtODjHatF5SlO1mj+aTDut5+iHXR7jtNJ2murHmzXR3E4dTelc9BbPFIAD" +
    "GZRSCAgCIQaBmEEggOOk6RWBEDskchSJmA9E5ljcMxDtGRQzIMdjSIM0Ys04M6SdRSE3RRIQPDNEzHgOM4ZgBCNsboQ0aTYImxukzQKCh7CWeGbO" +
    "7FkIRjAEI3hmSIM0pEHaLCAYwQiOYAQrgisQpAhDGqQB0gppEDHkIgSFAVcHx/s=",
  "base64",
);

/** The frame of zstd in it. */
export const zstdBody: Buffer = zstdChunk.subarray(12, -4);

const MAGIC = 0xfd2fb528;
/** A frame of one segment, whose length has 4 bytes. */
const SINGLE_SEGMENT = 0xa0;

/** A frame of zstd that says it has `bytes` bytes, with these blocks. */
export function zstdFrame(bytes: number, blocks: readonly Buffer[], flags: number = SINGLE_SEGMENT): Buffer {
  const header = Buffer.alloc(9 + (flags & 0x20 ? 0 : 1));
  header.writeUInt32LE(MAGIC, 0);
  header[4] = flags;
  // A window of 512 KiB, where the frame is not one segment.
  if (!(flags & 0x20)) header[5] = 9 << 3;
  header.writeUInt32LE(bytes, header.length - 4);
  return Buffer.concat([header, ...blocks]);
}

/** A block of zstd. The size of one that repeats a byte (type 1) is how often. */
export function zstdBlock(type: 0 | 1 | 2 | 3, size: number, body: Buffer, isLast = false): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | Number(isLast), 0, 3);
  return Buffer.concat([header, body]);
}

/** `bytes` zeros, four bytes for each 128 KiB. */
export function zeroBlocks(bytes: number): Buffer[] {
  const blocks: Buffer[] = [];
  for (let left = bytes; left > 0; left -= 128 * 1024) {
    blocks.push(zstdBlock(1, Math.min(left, 128 * 1024), Buffer.alloc(1), left <= 128 * 1024));
  }
  return blocks;
}
