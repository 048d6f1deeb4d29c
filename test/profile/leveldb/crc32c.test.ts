import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { crc32c, crc32cInJavaScript, maskCrc } from "../../../lib/profile/leveldb/crc32c.ts";
import { findNativeCrc32c } from "../../../lib/profile/leveldb/native-crc32c.ts";
import { noise } from "../../contract/profile.ts";

const native = findNativeCrc32c();
const ways: [name: string, crc: (bytes: Uint8Array, start: number, end: number) => number][] = [
  ["the faster function for the length", crc32c],
  ["the function in JavaScript", crc32cInJavaScript],
];
if (native) ways.push(["the native function", (bytes, start, end) => native(bytes.subarray(start, end))]);

describe.each(ways)("CRC-32C by %s", (_, crc) => {
  // RFC 3720, B.4.
  it.each([
    ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
    ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ["31 to 0", Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
    ["nine digits", Buffer.from("123456789"), 0xe3069283],
    ["nothing", Buffer.alloc(0), 0],
  ])("computes the known checksum of %s", (_name, bytes, sum) => {
    expect(crc(bytes, 0, bytes.length)).toBe(sum);
  });

  it("computes the checksum of any range as of a copy of that range", () => {
    const bytes = noise(70_000);
    for (let n = 0; n < 400; n++) {
      const start = (n * 7919) % 999;
      const end = start + ((n * n * 31) % (n % 4 === 0 ? 69_000 : 600));
      const copy = Uint8Array.from(bytes.subarray(start, end));
      expect(crc(bytes, start, end), `${start} to ${end}`).toBe(crc32cInJavaScript(copy, 0, copy.length));
    }
  });

  it("sees every byte that changes", () => {
    const bytes = noise(600);
    const before = crc(bytes, 0, 600);
    for (let at = 0; at < 600; at++) {
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      expect(crc(bytes, 0, 600)).not.toBe(before);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
    }
  });
});

describe("the native function", () => {
  it.runIf(process.platform === "linux" && process.arch === "x64")("is there on this platform", () => {
    expect(native).toBeDefined();
  });

  it("is not used when it is missing, does not load or answers something wrong", () => {
    const loads = [
      () => {
        throw new Error("Cannot find module '@node-rs/crc32'");
      },
      () => ({}),
      () => undefined,
      () => ({ crc32c: () => 0 }),
      () => ({
        crc32c: () => {
          throw new Error("Illegal instruction");
        },
      }),
    ];
    for (const load of loads) expect(findNativeCrc32c(load)).toBeUndefined();
    const right = (bytes: Uint8Array): number => crc32cInJavaScript(bytes, 0, bytes.length);
    expect(findNativeCrc32c(() => ({ crc32c: right }))?.(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  it("works in worker threads, some at once, and in this thread after them", async () => {
    const script = `
      const { parentPort } = require("node:worker_threads");
      require("tsx/cjs/api").register();
      const { findNativeCrc32c } = require(${JSON.stringify(import.meta.resolve("../../../lib/profile/leveldb/native-crc32c.ts"))});
      parentPort.postMessage(findNativeCrc32c()?.(Buffer.alloc(100_000, 7)));`;
    const expected = native?.(Buffer.alloc(100_000, 7));
    const answers = await Promise.all(
      [1, 2, 3].map(async () => {
        const worker = new Worker(script, { eval: true });
        const [answer] = await once(worker, "message");
        await worker.terminate();
        return answer;
      }),
    );
    expect(answers).toEqual([expected, expected, expected]);
    expect(native?.(Buffer.alloc(100_000, 7))).toBe(expected);
  });
});

it("a checksum is masked as LevelDB stores it", () => {
  const crc = crc32c(Buffer.from("foo"));
  expect(maskCrc(crc)).not.toBe(crc);
  const rotated = (maskCrc(crc) - 0xa282ead8) >>> 0;
  expect(((rotated >>> 17) | (rotated << 15)) >>> 0).toBe(crc);
});
