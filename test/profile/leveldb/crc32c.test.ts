import { describe, expect, it } from "vitest";
import { crc32c, maskCrc } from "../../../lib/profile/leveldb/crc32c.ts";

describe("crc32c", () => {
  // RFC 3720, B.4.
  it.each([
    ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
    ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ["31 to 0", Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
    ["nine digits", Buffer.from("123456789"), 0xe3069283],
    ["nothing", Buffer.alloc(0), 0],
  ])("computes the known checksum of %s", (_name, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });

  it("computes the checksum of any range as of a copy of that range", () => {
    const bytes = Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37) & 255));
    for (let start = 0; start < 20; start++) {
      for (let end = start; end < 64; end += 7) {
        expect(crc32c(bytes, start, end)).toBe(crc32c(Buffer.from(bytes.subarray(start, end))));
      }
    }
  });

  it("masks a checksum as LevelDB stores it", () => {
    const crc = crc32c(Buffer.from("foo"));
    expect(maskCrc(crc)).not.toBe(crc);
    const rotated = (maskCrc(crc) - 0xa282ead8) >>> 0;
    expect(((rotated >>> 17) | (rotated << 15)) >>> 0).toBe(crc);
  });
});
