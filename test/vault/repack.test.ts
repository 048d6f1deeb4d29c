import { describe, expect, it } from "vitest";
import type { ChunkWriter } from "../../lib/vault/chunk-writer.ts";
import type { Chunk, ManifestFile, Piece } from "../../lib/vault/manifest.ts";
import type { PlacedPiece } from "../../lib/vault/placed-piece.ts";
import { type PlacedFile, piecesOf, repack, usageOf } from "../../lib/vault/repack.ts";

const MIB = 1024 * 1024;
const session = "RemoteAuth-bot";

function chunk(id: string, bytes: number): Chunk {
  return { id, folder: "7-ab", bytes, alt: 0 };
}

function storedFile(path: string, pieces: readonly Piece[]): ManifestFile {
  const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
  return { path, bytes, change: "anywhere", pieceBytes: MIB, pieces };
}

/** A stored file; `reads` gets what is read of it. */
function placed(stored: ManifestFile, reads: number[] = []): PlacedFile {
  const read = async (position: number, length: number): Promise<Buffer> => {
    reads.push(position);
    return Buffer.alloc(length, position / MIB);
  };
  const { path, bytes: size, change } = stored;
  return { file: { path, size, change, read }, stored };
}

/** Takes all pieces for what their bytes say. */
function writerOf(sent: string[]): ChunkWriter {
  const place = async (hash: string, content: Buffer): Promise<PlacedPiece> => {
    sent.push(hash);
    return { hash, bytes: content.length, offset: 0, chunk: chunk(`new-${hash}`, content.length) };
  };
  const writer = { ready: async () => {}, hash: (bytes: Buffer) => `h${bytes[0]}`, find: () => undefined, place };
  return writer as unknown as ChunkWriter;
}

describe("usageOf", () => {
  const [one, two] = [chunk("1", 4 * MIB), chunk("2", 4 * MIB)];
  const pieces: Piece[] = [
    { hash: "a", bytes: 10, chunk: one, offset: 0 },
    { hash: "b", bytes: 20, chunk: one, offset: 10 },
    { hash: "a", bytes: 10, chunk: one, offset: 0 },
    { hash: "c", bytes: 5, chunk: two, offset: 0 },
  ];

  it("counts the bytes that are needed of each chunk, a piece that occurs twice once", () => {
    expect([...usageOf(pieces)]).toEqual([
      [one, 30],
      [two, 5],
    ]);
  });

  it("is counted once", () => {
    expect(usageOf(pieces)).toBe(usageOf(pieces));
  });
});

describe("repack", () => {
  /** A file of eight pieces, `used` of them each in a chunk of their own with unneeded bytes, the others in one chunk. */
  function file(used: number, chunkBytes: number): ManifestFile {
    const common = chunk("common", (8 - used) * MIB);
    const pieces = Array.from({ length: 8 }, (_, index): Piece => {
      const own = index < used;
      const offset = own ? 0 : (index - used) * MIB;
      return { hash: `h${index}`, bytes: MIB, chunk: own ? chunk(`c${index}`, chunkBytes) : common, offset };
    });
    return storedFile("Default/x", pieces);
  }

  it("leaves a file as it is when its chunks hold few unneeded bytes, and reads nothing of it", async () => {
    const [reads, sent]: [number[], string[]] = [[], []];
    // Half of the file may be unneeded.
    const all = [placed(file(1, 5 * MIB), reads)];
    expect(await repack(all, session, writerOf(sent))).toBe(all);
    expect([reads, sent]).toEqual([[], []]);
  });

  it("stores the pieces of the emptiest chunks anew when there are more", async () => {
    const [reads, sent]: [number[], string[]] = [[], []];
    const before = file(2, 5 * MIB);
    const [after] = await repack([placed(before, reads)], session, writerOf(sent));
    expect([reads, sent]).toEqual([[0], ["h0"]]);
    const moved = after && "pieces" in after ? after.pieces.map(({ location }) => location.chunk?.id) : [];
    expect(moved).toEqual(["new-h0", "c1", "common", "common", "common", "common", "common", "common"]);
  });

  it("leaves a quarter of a MiB alone, however small the file is", async () => {
    const wasteful = (waste: number): PlacedFile => {
      const [one, two] = [chunk("c0", 1000 + waste), chunk("c1", 2000)];
      return placed(
        storedFile("Default/x", [
          { hash: "h0", bytes: 1000, chunk: one, offset: 0 },
          { hash: "h1", bytes: 2000, chunk: two, offset: 0 },
        ]),
      );
    };
    const sent: string[] = [];
    await repack([wasteful(MIB / 4)], session, writerOf(sent));
    expect(sent).toEqual([]);
    await repack([wasteful(MIB / 4 + 1)], session, writerOf(sent));
    expect(sent).toEqual(["h0"]);
  });

  it("rejects when a piece has other bytes than it had", async () => {
    const changed = placed(storedFile("Default/x", file(3, 5 * MIB).pieces.toReversed()));
    await expect(repack([changed], session, writerOf([]))).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining("Default/x: it changed while it was captured"),
    });
  });
});

it("finds the position of each piece of a stored file", () => {
  const common = chunk("common", 100);
  const stored = storedFile("x", [
    { hash: "a", bytes: 30, chunk: common, offset: 50 },
    { hash: "b", bytes: 20, chunk: common, offset: 0 },
  ]);
  expect(piecesOf(placed(stored).file, stored)).toMatchObject([
    { hash: "a", position: 0, location: { offset: 50 } },
    { hash: "b", position: 30, location: { offset: 0 } },
  ]);
});
