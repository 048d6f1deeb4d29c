import { describe, expect, it } from "vitest";
import { differenceOf } from "../../lib/archive/compare-files.ts";
import type { CaptureFile } from "../../lib/store.ts";
import { captureOf, type Files, noise } from "../contract/profile.ts";

const files = (content: Files): readonly CaptureFile[] => captureOf(content).files;
const large = noise(2_500_000);
const source: Files = { a: large, b: Buffer.from("b"), c: Buffer.alloc(0) };

describe("the difference of two profiles", () => {
  it("is none when they have the same files, in any order", async () => {
    const target = { c: Buffer.alloc(0), b: Buffer.from("b"), a: Buffer.from(large) };
    expect(await differenceOf(files(target), files(source))).toBeUndefined();
  });

  it("is the number of files when that differs", async () => {
    expect(await differenceOf(files({ a: large }), files(source))).toBe("it has 1 files instead of 3");
  });

  it("is the first file that the source does not have", async () => {
    const { c: _, ...rest } = source;
    expect(await differenceOf(files({ ...rest, d: Buffer.alloc(0) }), files(source))).toBe("d is not in the source");
  });

  it("is the first file with other bytes, also after the first megabyte", async () => {
    const changed = Buffer.from(large);
    changed[2_400_000] = (changed[2_400_000] ?? 0) ^ 1;
    expect(await differenceOf(files({ ...source, a: changed }), files(source))).toBe("a differs");
  });

  it("is not looked for once the signal has aborted", async () => {
    const reason = new Error("enough");
    await expect(differenceOf(files(source), files(source), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
