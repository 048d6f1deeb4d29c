import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { encodeValue } from "../../lib/baileys/value-codec.ts";
import type { CopyProgress } from "../../lib/copy-session.ts";
import { VaultError } from "../../lib/errors.ts";
import { exportSession } from "../../lib/session-file/export-session.ts";
import { importSession } from "../../lib/session-file/import-session.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { sampleState } from "../baileys/support/sample-state.ts";
import { assertSameFiles, linkedProfileFiles, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { filesOf, memory, PROFILE, RECORDS, recordsOf, saveFiles, saveRecords } from "./support/sessions.ts";

const folder = useFolder();
const [anna, bert] = ["5511988887777", "491701234567"];
let path: string;
let to: Vault;

beforeEach(async () => {
  path = join(folder(), "x.wavault");
  to = memory();
});

async function exported(files = linkedProfileFiles(anna)): Promise<void> {
  const from = memory();
  await saveFiles(from, files);
  await exportSession({ from, session: PROFILE, to: path });
}

describe("importSession where the store has the session", () => {
  it("changes nothing without `overwrite`, and keeps what was there with it", async () => {
    await exported();
    const newer = linkedProfileFiles(anna, { "Default/IndexedDB/x/000005.ldb": Buffer.from("newer") });
    const before = await saveFiles(to, newer);
    await expect(importSession({ from: path, to })).rejects.toMatchObject({ code: "CONFLICT", hint: /overwrite/ });
    assertSameFiles(await filesOf(to, folder()), newer);
    expect(await importSession({ from: path, to, overwrite: true })).toMatchObject({ unchanged: false });
    assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(anna));
    assertSameFiles(await filesOf(to, folder(), { generation: before }), newer);
    const lease = await to.acquire({ session: PROFILE });
    await to.rollback({ session: PROFILE, lease, generation: before });
    await lease.release();
    assertSameFiles(await filesOf(to, folder()), newer);
  });

  it("keeps what was stored a moment ago, and says nothing of an option that would not help", async () => {
    await exported();
    const save = to.save.bind(to);
    to.save = async (call) => {
      await saveFiles(to, profileFiles("a moment ago"));
      return await save(call);
    };
    const failed = { code: "CONFLICT", hint: expect.not.stringContaining("overwrite") };
    await expect(importSession({ from: path, to })).rejects.toMatchObject(failed);
    assertSameFiles(await filesOf(to, folder()), profileFiles("a moment ago"));
  });

  it("is refused while a process has it", async () => {
    await exported();
    const files = linkedProfileFiles(anna, { "Default/IndexedDB/x/000005.ldb": Buffer.from("newer") });
    await saveFiles(to, files);
    const lease = await to.acquire({ session: PROFILE });
    await expect(importSession({ from: path, to, overwrite: true })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(lease.lost.aborted).toBe(false);
    await lease.release();
    assertSameFiles(await filesOf(to, folder()), files);
  });

  it("is refused for another phone, unless that is said", async () => {
    await exported();
    await saveFiles(to, linkedProfileFiles(bert));
    const call = { from: path, to, overwrite: true };
    await expect(importSession(call)).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("The target has RemoteAuth-support of another phone"),
      hint: /otherPhone/,
    });
    assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(bert));
    await importSession({ ...call, otherPhone: true });
    assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(anna));
  });

  it("is refused while the store does not tell of which phone its session is", async () => {
    await exported();
    await saveFiles(to, linkedProfileFiles(bert));
    const { extract } = to;
    const away = new VaultError("UNAVAILABLE", "The store does not answer.");
    let reads = 0;
    const call = { session: PROFILE, from: path, overwrite: true };
    const once = async (options: Parameters<Vault["extract"]>[0]) => {
      reads += 1;
      if (reads === 1) throw away;
      return await extract.call(to, options);
    };
    await expect(importSession({ ...call, to: Object.assign(to, { extract: once }) })).rejects.toBe(away);
    assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(bert));
    let asked = 0;
    // As a published store answers in an outage.
    const sessionExists = async (): Promise<boolean> => (asked++ > 0 ? true : (undefined as unknown as boolean));
    const four = { sessionExists, save: to.save.bind(to), extract: extract.bind(to), delete: to.delete.bind(to) };
    await expect(importSession({ ...call, to: four })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(bert));
  });

  it("is made where nobody knows whose a session is", async () => {
    await exported();
    await saveFiles(to, profileFiles("of nobody"));
    await importSession({ from: path, to, overwrite: true });
    assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(anna));
  });

  it("brings back a session that was deleted", async () => {
    await exported();
    await saveFiles(to, linkedProfileFiles(anna));
    await to.delete({ session: PROFILE });
    expect(await importSession({ from: path, to })).toMatchObject({ unchanged: false });
    assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(anna));
  });

  it.each(["reading", "checking", "writing", "comparing"])(
    "that is ended while it is %s leaves one of both",
    async (at) => {
      await exported();
      const old = linkedProfileFiles(anna, { "Default/IndexedDB/x/000005.ldb": Buffer.from("old") });
      await saveFiles(to, old);
      const ended = new AbortController();
      const onProgress = ({ step }: CopyProgress): void => {
        if (step === at) ended.abort(new Error("enough"));
      };
      const call = { from: path, to, overwrite: true, onProgress, signal: ended.signal };
      await expect(importSession(call)).rejects.toThrow("enough");
      const found = await filesOf(to, folder());
      assertSameFiles(found, at === "comparing" ? linkedProfileFiles(anna) : old);
      await (await to.acquire({ session: PROFILE })).release();
    },
  );
});

describe("importSession of a session of Baileys", () => {
  const recordsOfPhone = (number: string, value: string): Record<string, Buffer> => {
    const { creds } = sampleState(1);
    const me = { ...creds.me, id: `${number}:5@s.whatsapp.net` };
    return { creds: encodeValue({ ...creds, me }, "creds"), "session\u0000x.0": Buffer.from(value) };
  };

  beforeEach(async () => {
    const from = memory();
    await saveRecords(from, recordsOfPhone(anna, "file"));
    await exportSession({ from, session: RECORDS, to: path });
  });

  it("replaces another state only when it is told to, and never that of another phone", async () => {
    await saveRecords(to, recordsOfPhone(anna, "newer"));
    await expect(importSession({ from: path, to })).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await recordsOf(to))?.["session\u0000x.0"]).toEqual(Buffer.from("newer"));
    await importSession({ from: path, to, overwrite: true });
    expect((await recordsOf(to))?.["session\u0000x.0"]).toEqual(Buffer.from("file"));

    const other = memory();
    await saveRecords(other, recordsOfPhone(bert, "newer"));
    const call = { from: path, to: other, overwrite: true };
    await expect(importSession(call)).rejects.toMatchObject({ code: "CONFLICT", message: /another phone/ });
    await importSession({ ...call, otherPhone: true });
    expect((await recordsOf(other))?.["session\u0000x.0"]).toEqual(Buffer.from("file"));
  });

  it("is refused while a bot has it", async () => {
    await saveRecords(to, recordsOfPhone(anna, "newer"));
    const records = await to.openRecords({ session: RECORDS });
    await expect(importSession({ from: path, to, overwrite: true })).rejects.toMatchObject({ code: "LEASE_HELD" });
    await records.close();
    expect((await recordsOf(to))?.["session\u0000x.0"]).toEqual(Buffer.from("newer"));
  });

  it("is refused by a store that cannot keep it", async () => {
    const { sessionExists, save, extract } = memory();
    const four = { sessionExists, save, extract, delete: async () => {} };
    await expect(importSession({ from: path, to: four })).rejects.toMatchObject({ code: "INVALID" });
  });
});
