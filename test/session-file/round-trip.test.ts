import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { exportSession } from "../../lib/session-file/export-session.ts";
import { importSession, readSessionFile } from "../../lib/session-file/import-session.ts";
import type { Encryption, Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, type Files, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { onlyLong } from "../support/length.ts";
import {
  filesOf,
  memory,
  onlyFourMethods,
  PROFILE,
  RECORDS,
  recordsOf,
  saveFiles,
  saveRecords,
} from "./support/sessions.ts";

const folder = useFolder();

const stores: Record<string, (encryption?: Encryption) => Vault> = {
  memory: (encryption) => memory({ encryption }),
  file: (encryption) => new FileStore({ directory: join(folder(), "sessions"), encryption }),
};
const [storeKey, fileKey, otherKey] = [1, 2, 3].map((number) => ({ key: testKey(number) }));
/** Keys of the source, of the file and of the target. */
type Key = Encryption | undefined;
const ways: readonly (readonly [name: string, source: Key, file: Key, target: Key])[] = [
  ["nothing encrypted", undefined, undefined, undefined],
  ["an encrypted store, an unencrypted file", storeKey, undefined, undefined],
  ["an encrypted file", undefined, fileKey, undefined],
  ["a key for each", storeKey, fileKey, otherKey],
  ["a passphrase for the file", storeKey, { passphrase: "correct horse battery" }, storeKey],
];

/** A profile with files of many sizes; the same seed, the same files. */
function randomFiles(seed: number): Files {
  const sizes = noise(12, seed);
  const more = [...sizes].map((size, at): [string, Buffer] => [
    `Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.blob/1/${at}`,
    noise(at % 4 === 0 ? 0 : size * size * 3, seed + at),
  ]);
  return profileFiles(`state ${seed}`, Object.fromEntries(more));
}

function randomRecords(seed: number): Record<string, Buffer> {
  const sizes = noise(20, seed);
  return Object.fromEntries([...sizes].map((size, at) => [`session\0${at}.0`, noise(1 + size * at * 9, seed + at)]));
}

for (const [kind, open] of Object.entries(stores)) {
  describe.each(ways)(`a session file between two stores (${kind}), %s`, (_, source, encryption, target) => {
    it.each([1, ...onlyLong(2)])("brings a profile back byte for byte (%i)", async (seed) => {
      const [from, to, path] = [open(source), open(target), join(folder(), "x.wavault")];
      const files = randomFiles(seed);
      await saveFiles(from, profileFiles("an older one"));
      const generation = await saveFiles(from, files);
      const exported = await exportSession({ from, session: PROFILE, to: path, encryption });
      const encrypted = encryption !== undefined;
      expect(exported).toMatchObject({ session: PROFILE, path, encrypted, generation: { generation } });
      const { size, mode } = await stat(path);
      expect({ size, mode: mode & 0o777 }).toEqual({ size: exported.fileBytes, mode: 0o600 });
      expect(await readSessionFile({ from: path, encryption })).toMatchObject({
        session: PROFILE,
        kind: "profile",
        encrypted,
        files: exported.files,
        bytes: exported.bytes,
        fileBytes: size,
      });
      const imported = await importSession({ from: path, to, encryption });
      expect(imported).toMatchObject({ session: PROFILE, unchanged: false, files: exported.files, encrypted });
      assertSameFiles(await filesOf(to, folder()), files);
      expect(await importSession({ from: path, to, encryption })).toMatchObject({ unchanged: true });
    });

    it("brings records back byte for byte", async () => {
      const [from, to, path] = [open(source), open(target), join(folder(), "x.wavault")];
      const records = randomRecords(3);
      await saveRecords(from, records);
      await exportSession({ from, session: RECORDS, to: path, encryption });
      expect(await readSessionFile({ from: path, encryption })).toMatchObject({ kind: "records", session: RECORDS });
      await importSession({ from: path, to, encryption });
      assertSameFiles((await recordsOf(to)) ?? {}, records);
    });
  });
}

describe("a session file", () => {
  it("takes a session between stores that have four methods only", async () => {
    const [from, to, path] = [memory(), memory(), join(folder(), "x.wavault")];
    await saveFiles(from, profileFiles("old store"));
    const report = await exportSession({ from: onlyFourMethods(from), session: PROFILE, to: path });
    expect(report).not.toHaveProperty("generation");
    await importSession({ from: path, to: onlyFourMethods(to) });
    assertSameFiles(await filesOf(to, folder()), profileFiles("old store"));
  });

  it("can be imported under another name of the same kind only", async () => {
    const [from, to, path] = [memory(), memory(), join(folder(), "x.wavault")];
    await saveFiles(from, profileFiles("linked"));
    await exportSession({ from, session: PROFILE, to: path });
    const call = { from: path, to };
    await expect(importSession({ ...call, session: RECORDS })).rejects.toMatchObject({
      code: "INVALID",
      hint: /RemoteAuth/,
    });
    expect(await importSession({ ...call, session: "RemoteAuth-sales" })).toMatchObject({
      session: "RemoteAuth-sales",
      fromSession: PROFILE,
    });
    expect(await to.state({ session: PROFILE })).toBeUndefined();
    assertSameFiles(await filesOf(to, folder(), { session: "RemoteAuth-sales" }), profileFiles("linked"));
  });

  it.each([
    ["refused", ["rejected"]],
    ["proven once, and refused since", ["proven", "rejected"]],
  ] as const)(
    "keeps that the session was %s, and brings it without a mark: it is tried once more",
    async (_, marks) => {
      const [from, to, path] = [memory(), memory(), join(folder(), "x.wavault")];
      const generation = await saveFiles(from, profileFiles("refused"));
      const lease = await from.acquire({ session: PROFILE });
      for (const as of marks) await from.mark({ session: PROFILE, lease, generation, as });
      await lease.release();
      const exported = await exportSession({ from, session: PROFILE, to: path });
      expect(exported.generation).toMatchObject({ generation, rejected: true });
      expect(await readSessionFile({ from: path })).toMatchObject({ rejected: true, proven: marks.length === 2 });
      await importSession({ from: path, to });
      assertSameFiles(await filesOf(to, folder()), profileFiles("refused"));
      expect((await to.state({ session: PROFILE }))?.current).toMatchObject({ proven: false, rejected: false });
    },
  );

  it("keeps that the session was proven", async () => {
    const [from, to, path] = [memory(), memory(), join(folder(), "x.wavault")];
    const generation = await saveFiles(from, profileFiles("linked"));
    const lease = await from.acquire({ session: PROFILE });
    await from.mark({ session: PROFILE, lease, generation, as: "proven" });
    await lease.release();
    await exportSession({ from, session: PROFILE, to: path });
    expect(await readSessionFile({ from: path })).toMatchObject({ proven: true });
    await importSession({ from: path, to });
    expect((await to.state({ session: PROFILE }))?.current).toMatchObject({ proven: true });
    expect((await to.state({ session: PROFILE }))?.lease).toBeUndefined();
  });
});
