import { describe, expect, it } from "vitest";
import { COPY_BYTES, withCopyBuffer } from "../../lib/profile/sources.ts";

describe("withCopyBuffer", () => {
  it.each([0, 1, 300_000, COPY_BYTES, 3 * COPY_BYTES])("has memory to copy %i bytes by, and frees it", async (size) => {
    const seen: Buffer[] = [];
    const length = await withCopyBuffer(size, async (piece) => {
      seen.push(piece);
      return piece.length;
    });
    expect(length).toBeGreaterThanOrEqual(Math.min(size, COPY_BYTES));
    expect(length).toBeLessThanOrEqual(COPY_BYTES);
    expect(seen.map((piece) => piece.length)).toEqual([0]);
  });

  it("frees it when the copy fails", async () => {
    const seen: Buffer[] = [];
    const failing = withCopyBuffer(10, async (piece) => {
      seen.push(piece);
      throw new Error("the disk is full");
    });
    await expect(failing).rejects.toThrow("the disk is full");
    expect(seen.map((piece) => piece.length)).toEqual([0]);
  });
});
