import { expect, it, vi } from "vitest";
import { contentOf, encodeFrame, readFrame } from "../../lib/vault/frame.ts";

const failure = vi.hoisted(() => ({ next: new Error() }));
vi.mock("../../lib/vault/compress.ts", async (original) => ({
  ...(await original<object>()),
  unpack: async () => {
    throw failure.next;
  },
}));

async function codeFor(error: Error): Promise<unknown> {
  failure.next = error;
  const frame = readFrame("chunk", await encodeFrame("chunk", Buffer.alloc(100_000)), "it");
  return await contentOf(frame, "it").catch(({ code }) => code);
}

it.each([
  new RangeError("Array buffer allocation failed"),
  Object.assign(new Error("Failed"), { code: "ERR_MEMORY_ALLOCATION_FAILED" }),
  Object.assign(new Error("not enough memory"), { code: "Z_MEM_ERROR" }),
  Object.assign(new Error("Allocation error"), { code: "ZSTD_error_memory_allocation" }),
])("a process without memory has found no damage: %s", async (error) => {
  expect(await codeFor(error)).toBe("UNAVAILABLE");
});

it("what cannot be decompressed is damaged", async () => {
  expect(await codeFor(Object.assign(new Error("incorrect data check"), { code: "Z_DATA_ERROR" }))).toBe("CORRUPT");
  expect(await codeFor(new RangeError("it makes more than 7 bytes"))).toBe("CORRUPT");
});
