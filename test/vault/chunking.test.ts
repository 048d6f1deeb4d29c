import { describe, expect, it } from "vitest";
import type { CaptureFile } from "../../lib/store.ts";
import { choosePieceBytes } from "../../lib/vault/chunking.ts";
import type { ManifestFile } from "../../lib/vault/manifest.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK = 4 * MIB;

function file(change: CaptureFile["change"], size: number): CaptureFile {
  return { path: "a", size, change, read: async () => Buffer.alloc(0) };
}

function stored(change: ManifestFile["change"], pieceBytes: number): ManifestFile {
  return { path: "a", bytes: 1, change, pieceBytes, pieces: [] };
}

describe("the pieces of a new file", () => {
  it.each([0, 1, 100 * MIB])("are whole chunks when it has %i bytes and never changes", (size) => {
    expect(choosePieceBytes(file("never", size), undefined, CHUNK)).toBe(CHUNK);
  });

  it.each([0, 1, 100 * MIB])("have 64 KiB when it has %i bytes and grows at its end", (size) => {
    expect(choosePieceBytes(file("append", size), undefined, CHUNK)).toBe(64 * KIB);
  });

  it.each([
    [0, 8 * KIB],
    [128 * MIB, 8 * KIB],
    [128 * MIB + 1, 16 * KIB],
    [256 * MIB, 16 * KIB],
    [2048 * MIB + 1, 256 * KIB],
    [100_000 * MIB, 256 * KIB],
  ])("have, when it has %i bytes and changes anywhere, %i bytes", (size, pieceBytes) => {
    expect(choosePieceBytes(file("anywhere", size), undefined, CHUNK)).toBe(pieceBytes);
  });

  it.each(["never", "append", "anywhere"] as const)("are never larger than a chunk (%s)", (change) => {
    expect(choosePieceBytes(file(change, 100_000 * MIB), undefined, 5_000)).toBe(5_000);
  });
});

describe("the pieces of a file that was stored before", () => {
  it.each([
    ["keep their size when it is half of the ideal one", 32 * KIB, 32 * KIB],
    ["keep their size when it is twice the ideal one", 128 * KIB, 128 * KIB],
    ["get the ideal size when theirs is less than half of it", 32 * KIB - 1, 64 * KIB],
    ["get the ideal size when theirs is more than twice as much", 128 * KIB + 1, 64 * KIB],
  ])("%s", (_, before, pieceBytes) => {
    expect(choosePieceBytes(file("append", MIB), stored("append", before), CHUNK)).toBe(pieceBytes);
  });

  it("get the ideal size when the file changes in another way than before", () => {
    expect(choosePieceBytes(file("append", MIB), stored("anywhere", 128 * KIB), CHUNK)).toBe(64 * KIB);
  });

  it("get a smaller size when a chunk holds less than they do", () => {
    expect(choosePieceBytes(file("append", MIB), stored("append", 64 * KIB), 48 * KIB)).toBe(48 * KIB);
  });
});
