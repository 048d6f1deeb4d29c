import { describe, expect, it } from "vitest";
import type { CaptureFile } from "../../lib/store.ts";
import { cutOf } from "../../lib/vault/chunking.ts";
import type { ManifestFile } from "../../lib/vault/manifest.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK = 4 * MIB;

function file(change: CaptureFile["change"], size: number): CaptureFile {
  return { path: "a", size, change, read: async () => Buffer.alloc(0) };
}

function stored(change: ManifestFile["change"], cut: number): ManifestFile {
  return { path: "a", bytes: 1, change, cut, pieces: [] };
}

describe("the cut of a new file", () => {
  it.each([0, 1, 100 * MIB])("is a whole chunk for one of %i bytes that never changes", (size) => {
    expect(cutOf(file("never", size), undefined, CHUNK)).toBe(CHUNK);
  });

  it.each([0, 1, 100 * MIB])("is 64 KiB for one of %i bytes that grows at its end", (size) => {
    expect(cutOf(file("append", size), undefined, CHUNK)).toBe(64 * KIB);
  });

  it.each([
    [0, 8 * KIB],
    [128 * MIB, 8 * KIB],
    [128 * MIB + 1, 16 * KIB],
    [256 * MIB, 16 * KIB],
    [2048 * MIB + 1, 256 * KIB],
    [100_000 * MIB, 256 * KIB],
  ])("is, for one of %i bytes that changes anywhere, %i bytes", (size, cut) => {
    expect(cutOf(file("anywhere", size), undefined, CHUNK)).toBe(cut);
  });

  it.each(["never", "append", "anywhere"] as const)("is never more than a chunk holds (%s)", (change) => {
    expect(cutOf(file(change, 100_000 * MIB), undefined, 5_000)).toBe(5_000);
  });
});

describe("the cut of a file that was stored before", () => {
  it.each([
    ["half of what it would be now", 32 * KIB, 32 * KIB],
    ["twice of what it would be now", 128 * KIB, 128 * KIB],
    ["less than half of what it would be now", 32 * KIB - 1, 64 * KIB],
    ["more than twice of what it would be now", 128 * KIB + 1, 64 * KIB],
  ])("that is %s is kept, or not", (_, before, cut) => {
    expect(cutOf(file("append", MIB), stored("append", before), CHUNK)).toBe(cut);
  });

  it("is given up when the file changes in another way", () => {
    expect(cutOf(file("append", MIB), stored("anywhere", 128 * KIB), CHUNK)).toBe(64 * KIB);
  });

  it("is given up when a chunk holds less now", () => {
    expect(cutOf(file("append", MIB), stored("append", 64 * KIB), 48 * KIB)).toBe(48 * KIB);
  });
});
