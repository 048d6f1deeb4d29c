import { appendFile, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { lockProfile } from "../../lib/browser/profile-lock.ts";
import { pushSession } from "../../lib/local-session/push-session.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { multiFileOf } from "../baileys/support/multi-file.ts";
import { sampleState } from "../baileys/support/sample-state.ts";
import {
  assertSameFiles,
  filesIn,
  linkedProfileFiles,
  profileFiles,
  writeFiles,
  writeZip,
} from "../contract/profile.ts";
import { filesOf, memory, PROFILE, recordsOf, saveFiles } from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";
import { useLookTimes } from "../support/look-times.ts";

const folder = useFolder();

// Nobody else comes to what is looked at; a browser that writes ends its look.
useLookTimes({ heldMs: 100 });
const files = linkedProfileFiles("5511988887777");
let [to, root, profile]: [Vault, string, string] = [memory(), "", ""];

beforeEach(async () => {
  to = memory();
  root = join(folder(), ".wwebjs_auth");
  profile = join(root, "session-support");
  await writeFiles(files, profile);
});

describe("pushSession", () => {
  it.each<[string, () => string]>([
    ["a profile", () => profile],
    ["a data path with one profile", () => root],
    ["the Default of a profile", () => join(profile, "Default")],
  ])("takes %s, and changes nothing in it", async (_, from) => {
    await writeFiles(
      { "Default/Cache/x": Buffer.from("cache"), "Last Version": Buffer.from("156.0.8078.73") },
      profile,
    );
    const before = await filesIn(root);
    const report = await pushSession({ from: from(), to });
    expect(report).toMatchObject({ session: PROFILE, form: "profile", path: profile, unchanged: false });
    assertSameFiles(await filesOf(to, folder()), { ...files, "Last Version": Buffer.from("156.0.8078.73") });
    assertSameFiles(await filesIn(root), before);
    expect(await readdir(root)).toEqual(["session-support"]);
    expect(await pushSession({ from: from(), to })).toMatchObject({ unchanged: true });
  });

  it("takes the zip of a RemoteAuth", async () => {
    const from = join(folder(), "RemoteAuth-sales.zip");
    await writeZip(files, from);
    expect(await pushSession({ from, to })).toMatchObject({ session: "RemoteAuth-sales", form: "zip" });
    assertSameFiles(await filesOf(to, folder(), { session: "RemoteAuth-sales" }), files);
  });

  it("takes a directory of useMultiFileAuthState, or its creds.json", async () => {
    const from = await multiFileOf(sampleState(3), join(folder(), "auth"));
    const session = "Baileys-sales";
    expect(await pushSession({ from, to, session })).toMatchObject({ session, form: "multi-file", unchanged: false });
    expect(Object.keys((await recordsOf(to, session)) ?? {})).toContain("creds");
    expect(await pushSession({ from: join(from, "creds.json"), to, session })).toMatchObject({ unchanged: true });
  });

  it("refuses a profile that another bot or a browser has", async () => {
    const failed = { code: "LEASE_HELD" };
    const lock = await lockProfile(profile);
    await expect(pushSession({ from: profile, to })).rejects.toMatchObject(failed);
    await lock.release();
    // A browser of another machine that writes.
    await symlink("other-machine-27", join(profile, "SingletonLock"));
    const log = join(profile, "Default/Local Storage/leveldb/000003.log");
    const writing = setInterval(() => void appendFile(log, "x"), 50);
    try {
      await expect(pushSession({ from: profile, to })).rejects.toMatchObject(failed);
    } finally {
      clearInterval(writing);
    }
    expect(await to.state({ session: PROFILE })).toBeUndefined();
  });

  describe("whose browser has gone", () => {
    useLookTimes({ lockMs: 300 });

    it("takes the profile, and leaves its lock", async () => {
      await symlink(`${hostname()}-4194304`, join(profile, "SingletonLock"));
      await pushSession({ from: profile, to });
      assertSameFiles(await filesOf(to, folder()), files);
      expect(await readdir(profile)).toContain("SingletonLock");
    });
  });

  it("refuses a profile that does not verify", async () => {
    await writeFile(join(profile, "Default/Local Storage/leveldb/MANIFEST-000001"), "damaged");
    await expect(pushSession({ from: profile, to })).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await to.state({ session: PROFILE })).toBeUndefined();
  });

  it("replaces a session only when it is told to, and keeps what was there", async () => {
    const before = await saveFiles(to, profileFiles("stored"));
    await expect(pushSession({ from: profile, to })).rejects.toMatchObject({ code: "CONFLICT", hint: /overwrite/ });
    await pushSession({ from: profile, to, overwrite: true });
    assertSameFiles(await filesOf(to, folder()), files);
    assertSameFiles(await filesOf(to, folder(), { generation: before }), profileFiles("stored"));
    const other = join(folder(), "session-support");
    await writeFiles(linkedProfileFiles("491701234567"), other);
    const call = { from: other, to, overwrite: true };
    await expect(pushSession(call)).rejects.toMatchObject({ code: "CONFLICT", message: /another phone/ });
    await pushSession({ ...call, otherPhone: true });
  });

  it("keeps what was stored a moment ago, and says nothing of an option that would not help", async () => {
    const save = to.save.bind(to);
    to.save = async (call) => {
      await saveFiles(to, profileFiles("a moment ago"));
      return await save(call);
    };
    const failed = { code: "CONFLICT", hint: expect.not.stringContaining("overwrite") };
    await expect(pushSession({ from: profile, to })).rejects.toMatchObject(failed);
    assertSameFiles(await filesOf(to, folder()), profileFiles("a moment ago"));
  });

  it.each<[string, string, RegExp, (at: string) => Promise<unknown>]>([
    ["nothing", "ABSENT", /nothing at/, async () => {}],
    ["an empty folder", "INVALID", /no session/, (at) => mkdir(at)],
    ["text", "INVALID", /neither a zip nor a folder/, (at) => writeFile(at, "hello")],
    [
      "a zip of a session file",
      "INVALID",
      /a session file in it \(.*x\.wavault\)/,
      (at) => writeZip({ "x.wavault": Buffer.from("x") }, at),
    ],
    [
      "a zip of the files of a Baileys bot",
      "INVALID",
      /Baileys bot in it/,
      (at) => writeZip({ "auth/creds.json": Buffer.from("{}"), "auth/session-1.0.json": Buffer.from("{}") }, at),
    ],
    ["a folder of zips", "INVALID", /no session/, (at) => writeZip(files, join(at, "RemoteAuth.zip"))],
    [
      "several profiles",
      "INVALID",
      /has 2 profiles: session-a, session-b/,
      async (at) => {
        for (const name of ["session-a", "session-b"]) await writeFiles(files, join(at, name));
      },
    ],
    ["a profile without a name", "INVALID", /name/, (at) => writeFiles(files, at)],
  ])("says what is wrong with %s", async (_, code, message, make) => {
    const from = join(folder(), "thing");
    await make(from);
    await expect(pushSession({ from, to })).rejects.toMatchObject({ code, message });
  });

  it("refuses a name that no bot of its kind would find", async () => {
    await expect(pushSession({ from: profile, to, session: "Baileys-x" })).rejects.toMatchObject({ code: "INVALID" });
    const from = await multiFileOf(sampleState(1), join(folder(), "auth"));
    await expect(pushSession({ from, to, session: PROFILE })).rejects.toMatchObject({ code: "INVALID" });
  });
});
