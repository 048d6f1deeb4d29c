import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease } from "../../../lib/store.ts";
import { decodeEntry, encodeEntry } from "../../../lib/vault/entry.ts";
import { SessionFrames } from "../../../lib/vault/frames.ts";
import { entryKey } from "../../../lib/vault/layout.ts";
import type { Manifest } from "../../../lib/vault/manifest.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, type Files, filesIn, writeZip } from "../../contract/profile.ts";
import { flipped } from "../../profile/support/random.ts";
import { LOCAL_STORAGE, levelDbProfile, SQLITE_DB, sqliteProfile } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";

const session = "RemoteAuth-bot";
const frames = new SessionFrames(session);

/** Profiles in which a table, or the first byte of a page, has one bad bit: no hash of the store tells. */
const damaged: Readonly<Record<string, Files>> = {
  LevelDB: withBadBit(levelDbProfile(), (path) => path.startsWith(LOCAL_STORAGE) && path.endsWith(".ldb"), 0.5),
  SQLite: withBadBit(sqliteProfile(), (path) => path === SQLITE_DB, 2 / 3),
};

describe("a restore of a generation whose capture was verified", () => {
  let blobs: MemoryBlobs;
  let store: Vault;
  let lease: Lease;
  const warnings: string[] = [];
  const folder = useFolder();

  beforeEach(async () => {
    blobs = new MemoryBlobs();
    store = new Vault({ blobs, retryDelayMs: 0, onWarning: (message) => warnings.push(message) });
    lease = await store.acquire({ session });
  });

  async function save(files: Files, verified?: boolean): Promise<number> {
    const capture = { ...captureOf(files), ...(verified === undefined ? {} : { verified }) };
    return (await store.saveProfile({ session, capture, lease })).generation;
  }

  async function restore(): Promise<Files> {
    const into = folder();
    await store.restoreProfile({ session, into });
    return await filesIn(into);
  }

  /** Replaces the manifest of a generation by what another writer might have written. */
  async function rewrite(n: number, change: (manifest: Manifest) => Manifest): Promise<void> {
    const entry = await decodeEntry(frames, n, (await blobs.get(entryKey(session, n))) as Buffer);
    const manifest = change(entry.manifest as Manifest);
    await blobs.put(entryKey(session, n), await encodeEntry(frames, { ...entry, manifest }));
  }

  describe.each(Object.entries(damaged))("in %s", (_form, files) => {
    it("checks the hashes, and does not go through the contents again", async () => {
      await save(files, true);
      expect(await restore()).toEqual(files);
    });

    it("goes through the contents of a capture that does not say so", async () => {
      await save(files);
      await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    });

    it("goes through the contents of a generation of an earlier version", async () => {
      const n = await save(files, true);
      await rewrite(n, ({ verified, ...manifest }) => manifest);
      await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    });

    it("goes through the contents when other checks had verified them", async () => {
      const n = await save(files, true);
      await rewrite(n, (manifest) => ({ ...manifest, verified: (manifest.verified ?? 0) + 1 }));
      await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    });

    it("goes through the contents of a zip that did not verify", async () => {
      const zip = `${folder()}/RemoteAuth-bot.zip`;
      await writeZip(files, zip);
      await lease.release();
      await store.save({ session, path: zip });
      expect(warnings.splice(0)).toEqual([expect.stringContaining("does not verify")]);
      await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    });
  });

  it("refuses files that do not belong together", async () => {
    const { [`${LOCAL_STORAGE}/CURRENT`]: _current, ...files } = asFiles(levelDbProfile());
    await save({ ...files, [`${LOCAL_STORAGE}/CURRENT`]: Buffer.from("MANIFEST-000099\n") }, true);
    await expect(restore()).rejects.toMatchObject({
      code: "CORRUPT",
      cause: { message: expect.stringContaining("MANIFEST-000099") },
    });
  });

  it("refuses a piece that is not where its manifest says", async () => {
    const files = asFiles(levelDbProfile());
    const n = await save(files, true);
    expect(await restore()).toEqual(files);
    await rewrite(n, (manifest) => ({
      ...manifest,
      files: manifest.files.map((file) => ({
        ...file,
        pieces: file.pieces.map((piece) => ({ ...piece, offset: Math.max(0, piece.offset - 1) })),
      })),
    }));
    await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
  });
});

function asFiles(files: Readonly<Record<string, Buffer | string>>): Files {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]));
}

/** @param at where in the file, as a share of its bytes */
function withBadBit(
  files: Readonly<Record<string, Buffer | string>>,
  isBad: (path: string) => boolean,
  at: number,
): Files {
  const whole = asFiles(files);
  const path = Object.keys(whole).find(isBad);
  const content = whole[path ?? ""];
  if (path === undefined || content === undefined) throw new Error("there is no such file");
  return { ...whole, [path]: flipped(content, Math.floor(content.length * at), 0) };
}
