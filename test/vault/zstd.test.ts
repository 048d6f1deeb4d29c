import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { blockingZstd, type NodeZstd, nodeZstd, unzstd, ZSTD_LARGEST_CONTENT } from "../../lib/vault/zstd.ts";
import { checkZstdFrame } from "../../lib/vault/zstd-frame.ts";
import { noise } from "../contract/profile.ts";
import { zeroBlocks, zstdBlock, zstdBody, zstdContent, zstdFrame } from "./support/zstd-frames.ts";

const MIB = 1024 * 1024;
/** Makes decoders that do not look at their bounds go round forever: a tree of one weight whose states read no bits. */
const ENDLESS = Buffer.from("28b52ffd20c8ad000042460406f003800000010100000000000000000000", "hex");

it("compresses on the spot where Node.js has zstd, into a frame that every reader takes", async () => {
  expect(typeof blockingZstd).toBe(typeof nodeZstd);
  if (!blockingZstd) return;
  for (const plain of [zstdContent, noise(300_000), Buffer.alloc(3 * MIB, "text ")]) {
    let frame: Buffer = Buffer.alloc(0);
    void blockingZstd.compress(plain).then((made) => (frame = made));
    // No turn of the event loop is needed.
    await Promise.resolve();
    await Promise.resolve();
    checkZstdFrame(frame, plain.length);
    for (const zstd of [nodeZstd, undefined])
      expect((await unzstd(frame, plain.length, zstd)).equals(plain)).toBe(true);
  }
});

const decoders: [name: string, zstd: NodeZstd | undefined][] = [["in WebAssembly", undefined]];
if (nodeZstd) decoders.push(["of Node.js", nodeZstd]);

describe.each(decoders)("the decoder of zstd %s", (_, zstd) => {
  const { length } = zstdContent;

  it("reads what Node.js 24 has written", async () => {
    expect((await unzstd(zstdBody, length, zstd)).equals(zstdContent)).toBe(true);
  });

  it("reads contents of no, few and many bytes", async () => {
    for (const bytes of [1, 300_000, 7 * MIB]) {
      const plain = await unzstd(zstdFrame(bytes, zeroBlocks(bytes)), bytes, zstd);
      expect(plain.equals(Buffer.alloc(bytes))).toBe(true);
    }
    const empty = zstdFrame(0, [zstdBlock(0, 0, Buffer.alloc(0), true)]);
    expect(await unzstd(empty, 0, zstd)).toHaveLength(0);
  });

  it("never gives another number of bytes, whatever bit is flipped", async () => {
    for (let bit = 0; bit < zstdBody.length * 8; bit++) {
      const flipped = Buffer.from(zstdBody);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const plain = await unzstd(flipped, length, zstd).catch((error: unknown) => error);
      if (plain instanceof Error) expect(plain).not.toHaveProperty("code", "INVALID");
      else expect(plain, `bit ${bit}`).toHaveLength(length);
    }
    expect((await unzstd(zstdBody, length, zstd)).equals(zstdContent)).toBe(true);
  });

  it("refuses frames whose content is longer or shorter than they say", async () => {
    await expect(unzstd(zstdBody, length - 1, zstd)).rejects.toThrow();
    await expect(unzstd(zstdBody, length + 1, zstd)).rejects.toThrow();
    const says = (bytes: number): Buffer => {
      const changed = Buffer.from(zstdBody);
      changed.writeUInt16LE(bytes - 256, 5);
      return changed;
    };
    expect((await unzstd(says(length), length, zstd)).equals(zstdContent)).toBe(true);
    await expect(unzstd(says(length - 1), length - 1, zstd)).rejects.toThrow();
    await expect(unzstd(says(length + 1), length + 1, zstd)).rejects.toThrow();
    // A few hundred bytes that hold 16 MiB, and say a few.
    await expect(unzstd(zstdFrame(300_000, zeroBlocks(16 * MIB)), 300_000, zstd)).rejects.toThrow();
  });

  it("refuses what is not one frame: a frame that is skipped before it or behind it, bytes behind it, a second one", async () => {
    const skipped = Buffer.from("502a4d1803000000616263", "hex");
    const half = zstdFrame(150_000, zeroBlocks(150_000));
    for (const body of [
      Buffer.concat([skipped, zstdBody]),
      Buffer.concat([zstdBody, skipped]),
      Buffer.concat([zstdBody, Buffer.alloc(1)]),
      Buffer.concat([zstdBody, zstdBody]),
      skipped,
      Buffer.alloc(0),
    ]) {
      await expect(unzstd(body, length, zstd)).rejects.toThrow(RangeError);
    }
    await expect(unzstd(Buffer.concat([half, half]), 300_000, zstd)).rejects.toThrow(RangeError);
  });

  it("refuses a length that no chunk has, however many blocks there are", async () => {
    const bytes = 2 ** 31;
    await expect(unzstd(zstdFrame(bytes, zeroBlocks(bytes), 0x80), bytes, zstd)).rejects.toThrow(RangeError);
    const more = ZSTD_LARGEST_CONTENT + 1;
    await expect(unzstd(zstdFrame(more, zeroBlocks(more), 0x80), more, zstd)).rejects.toThrow(RangeError);
  });

  it("comes to an end with a tree that reads no bits", async () => {
    await expect(unzstd(ENDLESS, 200, zstd)).rejects.toThrow();
  });

  it("lets the process do its other work between two chunks", async () => {
    const done: string[] = [];
    setImmediate(() => done.push("other work"));
    await unzstd(zstdBody, length, zstd);
    expect(done).toEqual(["other work"]);
  });
});

it("a decoder that cannot be loaded is no damage", async () => {
  const missing = new Error("Cannot find package 'zstddec'");
  const reading = unzstd(zstdBody, zstdContent.length, undefined, () => Promise.reject(missing));
  await expect(reading).rejects.toMatchObject({ code: "INVALID", cause: missing });
});

it("the decoder needs no `fetch`, which programs replace, and leaves theirs as it is", () => {
  const program = `
    const own = globalThis.fetch = async () => { throw new Error("only http is supported"); };
    const { unzstd } = await import(${JSON.stringify(new URL("../../dist/lib/vault/zstd.js", import.meta.url).href)});
    const plain = await unzstd(Buffer.from("${zstdBody.toString("base64")}", "base64"), ${zstdContent.length}, undefined);
    console.log(plain.length, globalThis.fetch === own);`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect({ stdout, stderr }).toEqual({ stdout: `${zstdContent.length} true\n`, stderr: "" });
});
