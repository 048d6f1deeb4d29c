import { describe, expect, it } from "vitest";
import { encodeValue } from "../../lib/baileys/value-codec.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { copySession } from "../../lib/copy-session.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { sampleState } from "../baileys/support/sample-state.ts";
import { assertSameFiles, linkedProfileFiles, profileFiles } from "../contract/profile.ts";
import {
  filesOf,
  memory,
  onlyFourMethods,
  PROFILE,
  RECORDS,
  recordsOf,
  saveFiles,
  saveRecords,
} from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();
const [anna, bert] = ["5511988887777", "491701234567"];
const other = linkedProfileFiles(anna, { "Default/IndexedDB/x/000005.ldb": Buffer.from("newer") });

/** A store with a profile, under the name of the session. */
async function having(files: ReturnType<typeof profileFiles>, session = PROFILE): Promise<Vault> {
  const store = memory();
  await saveFiles(store, files, session);
  return store;
}

function recordsOfPhone(number: string | undefined, value: string): Record<string, Buffer> {
  const { creds } = sampleState(1);
  const { me: _, ...unnamed } = creds;
  const known = number === undefined ? unnamed : { ...creds, me: { ...creds.me, id: `${number}:5@s.whatsapp.net` } };
  return { creds: encodeValue(known, "creds"), "session\u0000x.0": Buffer.from(value) };
}

async function havingRecords(records: Record<string, Buffer>): Promise<Vault> {
  const store = memory();
  await saveRecords(store, records);
  return store;
}

const refused = {
  code: "CONFLICT",
  message: "The target has RemoteAuth-support of another phone than that of RemoteAuth-support in the source.",
  hint: expect.stringContaining("`otherPhone`"),
};

describe("copySession with `replace` over the profile of another phone", () => {
  it.each(["a vault", "a store of four methods"])("is refused by %s, and made with `otherPhone`", async (kind) => {
    const from = await having(linkedProfileFiles(anna));
    const there = await having(linkedProfileFiles(bert));
    const to = kind === "a vault" ? there : onlyFourMethods(there);
    const call = { from, to, session: PROFILE, replace: true };
    const failure = await copySession(call).catch((error: unknown) => error);
    expect(failure).toMatchObject(refused);
    expect(JSON.stringify(failure) + String(failure)).not.toMatch(new RegExp(`${anna}|${bert}`));
    assertSameFiles(await filesOf(there, folder()), linkedProfileFiles(bert));
    expect(await copySession({ ...call, otherPhone: true })).toMatchObject({ unchanged: false });
    assertSameFiles(await filesOf(there, folder()), linkedProfileFiles(anna));
  });

  it("names both sessions where their names differ", async () => {
    const from = await having(linkedProfileFiles(anna), "RemoteAuth-old");
    const to = await having(linkedProfileFiles(bert));
    const copy = copySession({ from, to, session: PROFILE, fromSession: "RemoteAuth-old", replace: true });
    await expect(copy).rejects.toMatchObject({ message: expect.stringMatching(/RemoteAuth-support .*RemoteAuth-old/) });
  });

  it("does not allow another version of its own: that needs `replace`", async () => {
    const [from, to] = [await having(linkedProfileFiles(anna)), await having(linkedProfileFiles(bert))];
    const call = { from, to, session: PROFILE, otherPhone: true };
    await expect(copySession(call)).rejects.toMatchObject({ code: "CONFLICT", hint: /`replace`/ });
  });

  it.each<[string, ReturnType<typeof profileFiles>, ReturnType<typeof profileFiles>]>([
    ["of the same phone", linkedProfileFiles(anna), other],
    ["whose source does not tell whose it is", profileFiles("copied"), linkedProfileFiles(bert)],
    ["whose target does not tell whose it is", linkedProfileFiles(anna), profileFiles("stored")],
  ])("is not what a copy is %s", async (_, copied, stored) => {
    const [from, to] = [await having(copied), await having(stored)];
    expect(await copySession({ from, to, session: PROFILE, replace: true })).toMatchObject({ unchanged: false });
    assertSameFiles(await filesOf(to, folder()), copied);
  });

  it("is not what a copy is over a session that was deleted, or that nobody can read", async () => {
    const from = await having(linkedProfileFiles(anna));
    const deleted = await having(linkedProfileFiles(bert));
    await deleted.delete({ session: PROFILE });
    await copySession({ from, to: deleted, session: PROFILE, replace: true });

    const blobs = new MemoryBlobs();
    const damaged = new Vault({ blobs, retries: 0, onWarning: () => {} });
    await saveFiles(damaged, linkedProfileFiles(bert));
    const chunks: string[] = [];
    for await (const { key } of blobs.list(`${PROFILE}/`)) if (key.includes("/chunks/")) chunks.push(key);
    await blobs.delete(chunks);
    await copySession({ from, to: damaged, session: PROFILE, replace: true });
    for (const to of [deleted, damaged]) {
      assertSameFiles(await filesOf(to, folder()), linkedProfileFiles(anna));
    }
  });

  it("sees whose the target is in an older version, where the newest one is damaged", async () => {
    const from = await having(linkedProfileFiles(anna));
    const blobs = new MemoryBlobs();
    const to = new Vault({ blobs, retries: 0, onWarning: () => {} });
    await saveFiles(to, linkedProfileFiles(bert));
    const before = new Set<string>();
    for await (const { key } of blobs.list(`${PROFILE}/`)) before.add(key);
    await saveFiles(to, linkedProfileFiles(bert, { "Default/IndexedDB/x/000005.ldb": Buffer.from("newer") }));
    const newer: string[] = [];
    for await (const { key } of blobs.list(`${PROFILE}/`))
      if (key.includes("/chunks/") && !before.has(key)) newer.push(key);
    await blobs.delete(newer);
    await expect(copySession({ from, to, session: PROFILE, replace: true })).rejects.toMatchObject(refused);
  });
});

describe("copySession with `replace` over the records of another phone", () => {
  it("is refused, and made with `otherPhone`", async () => {
    const [copied, there] = [recordsOfPhone(anna, "copied"), recordsOfPhone(bert, "stored")];
    const [from, to] = [await havingRecords(copied), await havingRecords(there)];
    const call = { from, to, session: RECORDS, replace: true };
    await expect(copySession(call)).rejects.toMatchObject({
      code: "CONFLICT",
      message: "The target has Baileys-support of another phone than that of Baileys-support in the source.",
      hint: expect.stringContaining("`otherPhone`"),
    });
    expect(await recordsOf(to)).toEqual(there);
    await copySession({ ...call, otherPhone: true });
    expect(await recordsOf(to)).toEqual(copied);
  });

  it.each<[string, Record<string, Buffer>, Record<string, Buffer>]>([
    ["of the same phone", recordsOfPhone(anna, "copied"), recordsOfPhone(anna, "stored")],
    ["whose source is not linked", recordsOfPhone(undefined, "copied"), recordsOfPhone(bert, "stored")],
    ["whose target is not linked", recordsOfPhone(anna, "copied"), recordsOfPhone(undefined, "stored")],
    ["whose target has no credentials that can be read", recordsOfPhone(anna, "copied"), { creds: Buffer.from("{") }],
  ])("is not what a copy is %s", async (_, copied, there) => {
    const [from, to] = [await havingRecords(copied), await havingRecords(there)];
    await copySession({ from, to, session: RECORDS, replace: true });
    expect(await recordsOf(to)).toEqual(copied);
  });
});
