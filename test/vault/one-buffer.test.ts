import { Transform } from "node:stream";
import { createDeflateRaw, createInflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { inOneBuffer } from "../../lib/vault/one-buffer.ts";
import { noise } from "../contract/profile.ts";

const LENGTHS = [0, 1, 20_000, 300_000];

describe("inOneBuffer", () => {
  it.each(LENGTHS)("has all that an engine makes of %i bytes, when its buffer is large enough", async (length) => {
    const plain = noise(length);
    const deflated = await inOneBuffer(createDeflateRaw({ chunkSize: length + 4_096 }), plain);
    expect(inflateRawSync(deflated).equals(plain)).toBe(true);
  });

  it.each(LENGTHS)("has all that an engine makes of %i bytes, when its buffer is too small", async (length) => {
    const plain = noise(length);
    for (const chunkSize of [64, 4_096, 270_000]) {
      const deflated = await inOneBuffer(createDeflateRaw({ chunkSize }), plain);
      expect(inflateRawSync(deflated).equals(plain)).toBe(true);
    }
  });

  it("copies nothing when the engine fills one buffer, part by part", async () => {
    const memory = Buffer.alloc(300_000, 7);
    const engine = new Transform({
      transform(_input, _encoding, done) {
        this.push(memory.subarray(0, 100));
        this.push(memory.subarray(100, 290_000));
        done();
      },
    });
    const whole = await inOneBuffer(engine, Buffer.from("any"));
    expect(whole).toHaveLength(290_000);
    expect(whole.buffer).toBe(memory.buffer);
  });

  it("joins parts that do not follow one another, in their order, and frees them", async () => {
    const [first, second] = [Buffer.alloc(300_000, 1), Buffer.alloc(300_000, 2)];
    const short = Buffer.from("in the middle");
    const engine = new Transform({
      transform(_input, _encoding, done) {
        for (const part of [first, short, second.subarray(0, 5)]) this.push(part);
        done();
      },
    });
    const whole = await inOneBuffer(engine, Buffer.from("any"));
    expect(whole.equals(Buffer.concat([Buffer.alloc(300_000, 1), short, Buffer.alloc(5, 2)]))).toBe(true);
    expect([first.length, second.length]).toEqual([0, 0]);
    expect(String(short)).toBe("in the middle");
  });

  it("leaves the input alone", async () => {
    const plain = noise(300_000);
    await inOneBuffer(createDeflateRaw({ chunkSize: 400_000 }), plain);
    expect(plain.equals(noise(300_000))).toBe(true);
  });

  it("rejects with the error of the engine", async () => {
    const damaged = deflateRawSync(noise(1_000));
    damaged.fill(0xff, 0, 20);
    await expect(inOneBuffer(createInflateRaw(), damaged)).rejects.toMatchObject({ code: "Z_DATA_ERROR" });
  });
});
