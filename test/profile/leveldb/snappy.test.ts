import { describe, expect, it } from "vitest";
import { unsnappy } from "../../../lib/profile/leveldb/snappy.ts";
import { seeded } from "../support/random.ts";

describe("unsnappy", () => {
  it("unpacks literals", () => {
    expect(unsnappy(Buffer.from([3, 2 << 2, 97, 98, 99])).toString()).toBe("abc");
    const long = Buffer.alloc(300, "q");
    expect(unsnappy(Buffer.concat([Buffer.from([0xac, 2, 61 << 2, 43, 1]), long]))).toEqual(long);
  });

  it("unpacks copies of all three widths, also copies that overlap their own output", () => {
    const oneByte = Buffer.from([8, 1 << 2, 97, 98, ((6 - 4) << 2) | 1, 2]);
    expect(unsnappy(oneByte).toString()).toBe("abababab");
    const twoBytes = Buffer.from([8, 1 << 2, 97, 98, ((6 - 1) << 2) | 2, 2, 0]);
    expect(unsnappy(twoBytes).toString()).toBe("abababab");
    const fourBytes = Buffer.from([8, 1 << 2, 97, 98, ((6 - 1) << 2) | 3, 2, 0, 0, 0]);
    expect(unsnappy(fourBytes).toString()).toBe("abababab");
  });

  it("refuses a block that ends early, at every length", () => {
    const whole = Buffer.from([8, 1 << 2, 97, 98, ((6 - 1) << 2) | 2, 2, 0]);
    for (let length = 0; length < whole.length; length++) {
      expect(() => unsnappy(whole.subarray(0, length))).toThrow(RangeError);
    }
  });

  it("refuses copies from before the beginning, and impossible sizes", () => {
    expect(() => unsnappy(Buffer.from([8, 1 << 2, 97, 98, ((6 - 1) << 2) | 2, 3, 0]))).toThrow(RangeError);
    expect(() => unsnappy(Buffer.from([0xff, 0xff, 0xff, 0x7f, 0, 97]))).toThrow(RangeError);
  });

  it("unpacks random bytes or throws a RangeError", () => {
    const random = seeded(1);
    for (let i = 0; i < 3_000; i++) {
      const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)));
      try {
        expect(unsnappy(bytes).length).toBeLessThan(2_000);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
  });
});
