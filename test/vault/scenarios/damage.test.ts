import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { decodeEntry, encodeEntry } from "../../../lib/vault/entry.ts";
import { SessionFrames } from "../../../lib/vault/frames.ts";
import { chunkKey, entryKey } from "../../../lib/vault/layout.ts";
import { type Chunk, chunksOf, type Manifest } from "../../../lib/vault/manifest.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";

const session = "RemoteAuth-bot";
const frames = new SessionFrames(session);

describe("a restore from a damaged store", () => {
  let parent = "";
  let blobs: MemoryBlobs;
  let store: Vault;
  let lease: Lease;
  let warnings: string[];

  const folder = useFolder();
  beforeEach(async () => {
    parent = folder();
    blobs = new MemoryBlobs();
    warnings = [];
    store = new Vault({ blobs, retryDelayMs: 0, onWarning: (message) => warnings.push(message) });
    lease = await store.acquire({ session });
  });

  const save = (files: Files): Promise<SaveReport> => store.saveProfile({ session, capture: captureOf(files), lease });

  async function restore(): Promise<{ generation: number; skipped: readonly unknown[]; files: Files }> {
    const into = folder();
    const { generation, skipped } = await store.restoreProfile({ session, into });
    return { generation, skipped, files: await filesIn(into) };
  }

  async function manifestOf(n: number): Promise<{ manifest: Manifest; chunks: Chunk[] }> {
    const { manifest } = await decodeEntry(frames, n, (await blobs.get(entryKey(session, n))) as Buffer);
    if (!manifest) throw new Error("no manifest");
    return { manifest, chunks: [...chunksOf(manifest)] };
  }

  /** Replaces the manifest of the newest generation, as somebody with access to the store could. */
  async function forge(n: number, change: (manifest: Manifest) => Manifest): Promise<void> {
    const entry = await decodeEntry(frames, n, (await blobs.get(entryKey(session, n))) as Buffer);
    await blobs.put(
      entryKey(session, n),
      await encodeEntry(frames, { ...entry, manifest: change(entry.manifest as Manifest) }),
    );
  }

  it("notices a chunk that is cut at any place, or has any bit flipped", async () => {
    const { generation } = await save(profileFiles("one"));
    const [chunk] = (await manifestOf(generation)).chunks;
    const key = chunkKey(session, chunk as Chunk);
    const whole = (await blobs.get(key)) as Buffer;
    for (let length = 0; length < whole.length; length++) {
      await blobs.put(key, whole.subarray(0, length));
      await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    }
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await blobs.put(key, flipped);
      await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    }
    await blobs.put(key, whole);
    expect((await restore()).files).toEqual(profileFiles("one"));
  });

  it("notices an entry that is cut at any place, or has any bit flipped, and reports it as CORRUPT", async () => {
    const { generation } = await save(profileFiles("one"));
    const key = entryKey(session, generation);
    const whole = (await blobs.get(key)) as Buffer;
    const damaged = [
      ...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)),
      ...Array.from({ length: whole.length }, (_, at) => {
        const flipped = Buffer.from(whole);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        return flipped;
      }),
    ];
    for (const bytes of damaged) {
      await blobs.put(key, bytes);
      await expect(store.state({ session })).rejects.toMatchObject({ code: "CORRUPT" });
      await expect(store.sessionExists({ session })).rejects.toMatchObject({ code: "CORRUPT" });
    }
    await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(store.acquire({ session })).rejects.toMatchObject({ code: "CORRUPT" });
    await blobs.put(key, whole);
    expect((await restore()).files).toEqual(profileFiles("one"));
  });

  it("goes back to the newest proven generation, and reports the skipped one", async () => {
    const proven = await save(profileFiles("proven"));
    await store.mark({ session, lease, generation: proven.generation, as: "proven" });
    await save(profileFiles("between"));
    const { generation } = await save(profileFiles("newest"));
    const own = new Set((await manifestOf(proven.generation)).chunks.map(({ id }) => id));
    const lost = (await manifestOf(generation)).chunks.filter(({ id }) => !own.has(id));
    await blobs.delete(lost.map((chunk) => chunkKey(session, chunk)));
    expect(await restore()).toEqual({
      generation: proven.generation,
      skipped: [{ generation, code: "CORRUPT" }],
      files: profileFiles("proven"),
    });
    // A generation that is asked for by number is not replaced by another one.
    const into = folder();
    await expect(store.restoreProfile({ session, into, generation })).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("never goes back to another phone's session by itself", async () => {
    const capture = (value: string): Promise<SaveReport> =>
      store.saveProfile({ session, lease, wid: value, capture: captureOf(profileFiles(value)) });
    const first = await capture("1@c.us");
    await store.mark({ session, lease, generation: first.generation, as: "proven" });
    const { generation } = await capture("2@c.us");
    const shared = new Set((await manifestOf(first.generation)).chunks.map(({ id }) => id));
    const own = (await manifestOf(generation)).chunks.filter(({ id }) => !shared.has(id));
    await blobs.delete(own.map((chunk) => chunkKey(session, chunk)));
    const error = await restore().catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "CORRUPT", hint: expect.stringContaining(String(first.generation)) });
    const into = folder();
    await store.restoreProfile({ session, into, generation: first.generation });
    expect(await filesIn(into)).toEqual(profileFiles("1@c.us"));
  });

  it("is repaired by the next save, which sends the damaged chunks anew", async () => {
    const large = { "Default/a.ldb": noise(1_000_000) };
    const { generation } = await save(profileFiles("one", large));
    const { chunks } = await manifestOf(generation);
    await blobs.delete(chunks.map((chunk) => chunkKey(session, chunk)));
    await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    const again = await save(profileFiles("one", large));
    expect(again).toMatchObject({ unchanged: false, chunksReused: 0 });
    assertSameFiles((await restore()).files, profileFiles("one", large));
    expect((await save(profileFiles("one", large))).unchanged).toBe(true);
  });

  it("refuses a profile that Chromium would wipe", async () => {
    const files = profileFiles("one");
    const name = Object.keys(files).find((path) => path.includes("MANIFEST")) as string;
    await save({ ...files, [name]: (files[name] as Buffer).subarray(0, -3) });
    await expect(restore()).rejects.toMatchObject({
      code: "CORRUPT",
      cause: { message: expect.stringContaining(name) },
    });
  });

  it.each([
    "../outside",
    "Default/../../outside",
    "/absolute",
    "Default//x",
    "./x",
    "Default/.",
    "Default\\..\\x",
    "C:/x",
    "Default/x\0y",
    "",
    "Default/NUL",
    "Default/con.txt",
    "Default/ends with a dot.",
    "x".repeat(300),
  ])("writes nothing for a manifest that names %j", async (path) => {
    const { generation } = await save(profileFiles("one", { "Default/x": Buffer.from("x") }));
    await forge(generation, (manifest) => ({
      ...manifest,
      files: manifest.files.map((file) => (file.path === "Default/x" ? { ...file, path } : file)),
    }));
    const into = join(parent, "deep", "into");
    await expect(store.restoreProfile({ session, into })).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await readdir(join(parent))).toEqual([]);
  });

  it.each([
    ["Default/A", "Default/a"],
    ["Default/ä", "Default/a\u0308"],
    ["Default/x", "Default/x"],
    ["Default/x", "Default/x/y"],
    ["Default/X/y", "Default/x"],
  ])("writes nothing for a manifest in which %j and %j would meet", async (one, two) => {
    const { generation } = await save(
      profileFiles("one", { "Default/1": Buffer.from("1"), "Default/2": Buffer.from("2") }),
    );
    const names: Record<string, string> = { "Default/1": one, "Default/2": two };
    await forge(generation, (manifest) => ({
      ...manifest,
      files: manifest.files.map((file) => ({ ...file, path: names[file.path] ?? file.path })),
    }));
    await expect(store.restoreProfile({ session, into: join(parent, "into") })).rejects.toMatchObject({
      code: "CORRUPT",
    });
    await expect(stat(join(parent, "into"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("refuses pieces that do not make up their file", async () => {
    const changes: ((manifest: Manifest) => Manifest)[] = [
      (manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, bytes: file.bytes + 1 })) }),
      (manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, pieces: file.pieces.slice(1) })) }),
      (manifest) => ({
        ...manifest,
        files: manifest.files.map((file) => ({
          ...file,
          pieces: file.pieces.map((piece) => ({ ...piece, offset: piece.chunk.bytes - piece.bytes + 1 })),
        })),
      }),
    ];
    const { generation } = await save(profileFiles("one"));
    const whole = (await blobs.get(entryKey(session, generation))) as Buffer;
    for (const change of changes) {
      await blobs.put(entryKey(session, generation), whole);
      await forge(generation, change);
      await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });

  it("notices an entry that was moved from another session or number", async () => {
    const { generation } = await save(profileFiles("one"));
    const entry = (await blobs.get(entryKey(session, generation))) as Buffer;
    await blobs.put(entryKey(session, generation + 1), entry);
    await expect(store.state({ session })).rejects.toMatchObject({ code: "CORRUPT" });
    await blobs.put(entryKey("RemoteAuth-other", generation), entry);
    await expect(store.state({ session: "RemoteAuth-other" })).rejects.toMatchObject({ code: "CORRUPT" });
  });
});
