import { endianness } from "node:os";

// SQLite's own fileformat2.html, "Checksum Algorithm".
export const FRAME_HEADER_BYTES = 24;
/** Then the words of most logs can be added as they lie in memory. */
const IS_LITTLE_ENDIAN = endianness() === "LE";

/** The running checksum of a write-ahead log: two 32-bit words. */
export class WalSum {
  readonly #big: boolean;
  #s0 = 0;
  #s1 = 0;

  constructor(big: boolean) {
    this.#big = big;
  }

  add(bytes: Buffer, from: number, to: number): void {
    let s0 = this.#s0;
    let s1 = this.#s1;
    const big = this.#big;
    const at = bytes.byteOffset + from;
    if (!big && IS_LITTLE_ENDIAN && at % 4 === 0) {
      const words = new Int32Array(bytes.buffer, at, (to - from) >>> 2);
      for (let i = 0; i < words.length; i += 2) {
        s0 = (s0 + (words[i] as number) + s1) | 0;
        s1 = (s1 + (words[i + 1] as number) + s0) | 0;
      }
      this.#s0 = s0;
      this.#s1 = s1;
      return;
    }
    for (let i = from; i < to; i += 8) {
      const x0 = big ? word(bytes, i + 3, i + 2, i + 1, i) : word(bytes, i, i + 1, i + 2, i + 3);
      const x1 = big ? word(bytes, i + 7, i + 6, i + 5, i + 4) : word(bytes, i + 4, i + 5, i + 6, i + 7);
      s0 = (s0 + x0 + s1) | 0;
      s1 = (s1 + x1 + s0) | 0;
    }
    this.#s0 = s0;
    this.#s1 = s1;
  }

  /** This checksum with a frame added. */
  with(frame: Buffer, length: number): WalSum {
    const sum = new WalSum(this.#big);
    sum.#s0 = this.#s0;
    sum.#s1 = this.#s1;
    sum.add(frame, 0, 8);
    sum.add(frame, FRAME_HEADER_BYTES, length);
    return sum;
  }

  /** Whether the two words at `at` are this checksum; they are stored big-endian in both forms of the log. */
  matches(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#s0 >>> 0 && bytes.readUInt32BE(at + 4) === this.#s1 >>> 0;
  }
}

function word(bytes: Buffer, a: number, b: number, c: number, d: number): number {
  return (
    (bytes[a] as number) | ((bytes[b] as number) << 8) | ((bytes[c] as number) << 16) | ((bytes[d] as number) << 24)
  );
}
