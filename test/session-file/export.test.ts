import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { CopyProgress } from "../../lib/copy-session.ts";
import { exportSession } from "../../lib/session-file/export-session.ts";
import { importSession, readSessionFile } from "../../lib/session-file/import-session.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { canMount, mountMemory } from "../support/mount.ts";
import { filesOf, memory, PROFILE, RECORDS, recordsOf, saveFiles, saveRecords } from "./support/sessions.ts";

const folder = useFolder();
const files = profileFiles("linked");

async function store() {
  const from = memory();
  await saveFiles(from, files);
  return from;
}

describe("exportSession", () => {
  it("replaces a file only when it is told to, and leaves nothing beside it", async () => {
    const [from, directory] = [await store(), folder()];
    const to = join(directory, "x.wavault");
    await writeFile(to, "mine");
    const call = { from, session: PROFILE, to };
    await expect(exportSession(call)).rejects.toMatchObject({ code: "CONFLICT", hint: /overwrite/ });
    expect(await readFile(to, "utf8")).toBe("mine");
    await exportSession({ ...call, overwrite: true });
    expect(await readSessionFile({ from: to })).toMatchObject({ session: PROFILE });
    expect(await readdir(directory)).toEqual(["x.wavault"]);
  });

  it("keeps a file that has come while it worked", async () => {
    const [from, directory] = [await store(), folder()];
    const to = join(directory, "x.wavault");
    const onProgress = async ({ step }: CopyProgress): Promise<void> => {
      if (step === "comparing") await writeFile(to, "mine");
    };
    const failed = { code: "CONFLICT" };
    await expect(exportSession({ from, session: PROFILE, to, onProgress })).rejects.toMatchObject(failed);
    expect(await readFile(to, "utf8")).toBe("mine");
    expect(await readdir(directory)).toEqual(["x.wavault"]);
  });

  it("refuses what can be no file, before it reads the store", async () => {
    const [from, directory] = [await store(), folder()];
    await mkdir(join(directory, "d"));
    for (const to of [join(directory, "d"), join(directory, "none", "x.wavault"), ""]) {
      const failed = { code: "INVALID" };
      await expect(exportSession({ from, session: PROFILE, to, overwrite: true })).rejects.toMatchObject(failed);
    }
    expect(await readdir(directory)).toEqual(["d"]);
  });

  it("replaces a link, and not the file that it leads to", async () => {
    const [from, directory] = [await store(), folder()];
    const [to, other] = [join(directory, "x.wavault"), join(directory, "other")];
    await writeFile(other, "mine");
    await symlink(other, to);
    await exportSession({ from, session: PROFILE, to, overwrite: true });
    expect(await readFile(other, "utf8")).toBe("mine");
  });

  it("says ABSENT, and makes no file", async () => {
    const directory = folder();
    const call = { from: await store(), to: join(directory, "x.wavault") };
    await expect(exportSession({ ...call, session: "RemoteAuth-suport" })).rejects.toMatchObject({
      code: "ABSENT",
      hint: /RemoteAuth-support/,
    });
    await expect(exportSession({ ...call, session: PROFILE, generation: 99 })).rejects.toMatchObject({
      code: "ABSENT",
      hint: /It has generation \d/,
    });
    expect(await readdir(directory)).toEqual([]);
  });

  it("exports an older generation, which the target then has alone", async () => {
    const [from, to] = [memory(), join(folder(), "x.wavault")];
    const first = await saveFiles(from, profileFiles("first"));
    await saveFiles(from, profileFiles("second"));
    const report = await exportSession({ from, session: PROFILE, to, generation: first });
    expect(report).toMatchObject({ generation: { generation: first } });
    const target = memory();
    await importSession({ from: to, to: target });
    assertSameFiles(await filesOf(target, folder()), profileFiles("first"));
    expect((await target.state({ session: PROFILE }))?.generations).toHaveLength(1);
  });

  it("tells of the older generation that it has exported where the newest one is not whole", async () => {
    const [blobs, to] = [new MemoryBlobs(), join(folder(), "x.wavault")];
    const from = new Vault({ blobs, retries: 0, onWarning: () => {} });
    const chunks = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key } of blobs.list(`${PROFILE}/chunks/`)) found.push(key);
      return found;
    };
    const first = await saveFiles(from, profileFiles("first"));
    const before = await chunks();
    const second = await saveFiles(from, profileFiles("second"));
    await blobs.delete((await chunks()).filter((key) => !before.includes(key)));
    expect(await exportSession({ from, session: PROFILE, to, allowOlder: true })).toMatchObject({
      generation: { generation: first },
      skipped: [{ generation: second }],
    });
  });

  it("takes no lease of a session in use, and disturbs nobody", async () => {
    const [from, directory] = [await store(), folder()];
    const lease = await from.acquire({ session: PROFILE });
    const before = await from.state({ session: PROFILE });
    await exportSession({ from, session: PROFILE, to: join(directory, "x.wavault") });
    expect(await from.state({ session: PROFILE })).toEqual(before);
    expect(lease.lost.aborted).toBe(false);
    await lease.release();

    await saveRecords(from, { creds: Buffer.from("1") });
    const records = await from.openRecords({ session: RECORDS });
    const report = await exportSession({ from, session: RECORDS, to: join(directory, "y.wavault") });
    expect(report.heldBy).toMatch(/:\d+$/);
    await records.set([["creds", Buffer.from("2")]]);
    await records.close();
    expect(await recordsOf(from)).toEqual({ creds: Buffer.from("2") });
    const target = memory();
    await importSession({ from: join(directory, "y.wavault"), to: target });
    expect(await recordsOf(target)).toEqual({ creds: Buffer.from("1") });
  });

  it("of one session twice at once makes two whole files, and one under one name", async () => {
    const [from, directory] = [await store(), folder()];
    const call = { from, session: PROFILE };
    await Promise.all(["a", "b"].map((name) => exportSession({ ...call, to: join(directory, name) })));
    for (const name of ["a", "b"]) expect(await readSessionFile({ from: join(directory, name) })).toBeDefined();
    const same = await Promise.allSettled([1, 2].map(() => exportSession({ ...call, to: join(directory, "c") })));
    expect(same.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(same.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "CONFLICT" } });
    await readSessionFile({ from: join(directory, "c") });
    await Promise.all([1, 2].map(() => exportSession({ ...call, to: join(directory, "c"), overwrite: true })));
    await readSessionFile({ from: join(directory, "c") });
    expect((await readdir(directory)).sort()).toEqual(["a", "b", "c"]);
  });

  it.each(["reading", "checking", "writing", "comparing"])(
    "that is ended while it is %s leaves no file",
    async (at) => {
      const [from, directory, ended] = [await store(), folder(), new AbortController()];
      const onProgress = ({ step }: CopyProgress): void => {
        if (step === at) ended.abort(new Error("enough"));
      };
      const to = join(directory, "x.wavault");
      await writeFile(to, "mine");
      const call = { from, session: PROFILE, to, overwrite: true, onProgress, signal: ended.signal };
      await expect(exportSession(call)).rejects.toThrow("enough");
      expect(await readdir(directory)).toEqual(["x.wavault"]);
      expect(await readFile(to, "utf8")).toBe("mine");
    },
  );

  it.skipIf(!canMount())("onto a full disk says so, and leaves no file", async () => {
    const [from, directory] = [memory(), folder()];
    await saveFiles(from, profileFiles("linked", { "Default/IndexedDB/x/000005.ldb": noise(3_000_000) }));
    mountMemory(directory, "1m");
    try {
      const call = { from, session: PROFILE, to: join(directory, "x.wavault") };
      await expect(exportSession(call)).rejects.toMatchObject({ code: "UNAVAILABLE", hint: /full/ });
      expect(await readdir(directory)).toEqual([]);
    } finally {
      execFileSync("umount", [directory]);
    }
  });
});
