import { execFileSync } from "node:child_process";
import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { useMultiFileAuthState } from "baileys";
import { beforeEach, describe, expect, it } from "vitest";
import { unzip } from "../../lib/archive/unzip.ts";
import { sessionNameOf } from "../../lib/auth/strategy-options.ts";
import { lockProfile } from "../../lib/browser/profile-lock.ts";
import type { PullForm } from "../../lib/local-session/place-of-session.ts";
import { pullSession } from "../../lib/local-session/pull-session.ts";
import { pushSession } from "../../lib/local-session/push-session.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { multiFileOf, filesIn as textsIn } from "../baileys/support/multi-file.ts";
import { expectedOf, readAll, sampleState } from "../baileys/support/sample-state.ts";
import { assertSameFiles, filesIn, profileFiles } from "../contract/profile.ts";
import { memory, PROFILE, RECORDS, saveFiles } from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";
import { useLookTimes } from "../support/look-times.ts";

const folder = useFolder();
// Who goes on while it is looked at has the profile, however short the look.
useLookTimes({ heldMs: 100 });
let from: Vault;
let [first, root] = [0, ""];

beforeEach(async () => {
  from = memory();
  root = folder();
  first = await saveFiles(from, profileFiles("first"));
  await saveFiles(from, profileFiles("second"));
});

describe("pullSession of a browser's session", () => {
  it.each<[string, PullForm | undefined, PullForm, string]>([
    ["profile", undefined, "profile", "profile"],
    [".wwebjs_auth", undefined, "local-auth", ".wwebjs_auth/session-support"],
    ["data", "local-auth", "local-auth", "data/session-support"],
    ["new/folders/profile", undefined, "profile", "new/folders/profile"],
  ])("writes a profile to %s", async (target, wanted, form, place) => {
    const before = await from.state({ session: PROFILE });
    const report = await pullSession({ from, session: PROFILE, to: join(root, target), form: wanted });
    expect(report).toMatchObject({ session: PROFILE, form, path: join(root, place), files: 3, skipped: [] });
    assertSameFiles(await filesIn(join(root, place)), profileFiles("second"));
    expect(await readdir(join(root, place, ".."))).toHaveLength(1);
    expect(await from.state({ session: PROFILE })).toEqual(before);
  });

  it.each([
    [PROFILE, "session-support"],
    ["RemoteAuth", "session"],
    ["support", "session-support"],
    ["RemoteAuthsupport", "session-RemoteAuthsupport"],
    ["RemoteAuth-", "session-RemoteAuth-"],
    ["session-support", "session-session-support"],
  ])("puts %s where a LocalAuth with the id of that bot looks for it", async (session, name) => {
    const clientId = name === "session" ? undefined : name.slice("session-".length);
    await saveFiles(from, profileFiles("named"), session);
    const { path } = await pullSession({ from, session, to: join(root, "data"), form: "local-auth" });
    expect(path).toBe(join(root, "data", sessionNameOf("session", clientId)));
    assertSameFiles(await filesIn(path), profileFiles("named"));
  });

  it("tells that WhatsApp has refused a generation", async () => {
    const lease = await from.acquire({ session: PROFILE });
    await from.mark({ session: PROFILE, lease, generation: first, as: "rejected" });
    await lease.release();
    const pull = async (name: string, generation?: number) =>
      await pullSession({ from, session: PROFILE, to: join(root, name), generation });
    expect(await pull("newest")).toMatchObject({ rejected: false });
    expect(await pull("first", first)).toMatchObject({ generation: first, rejected: true });
  });

  it("writes a zip, also of an older generation", async () => {
    const to = join(root, "RemoteAuth-support.zip");
    await pullSession({ from, session: PROFILE, to });
    await unzip(to, join(root, "second"));
    assertSameFiles(await filesIn(join(root, "second")), profileFiles("second"));
    const older = await pullSession({ from, session: PROFILE, to, generation: first, overwrite: true });
    expect(older).toMatchObject({ form: "zip", generation: first });
    await unzip(to, join(root, "first"));
    assertSameFiles(await filesIn(join(root, "first")), profileFiles("first"));
  });

  it("replaces what is there only when it is told to", async () => {
    const [to, zip] = [join(root, "profile"), join(root, "x.zip")];
    await mkdir(to);
    await pullSession({ from, session: PROFILE, to, generation: first });
    await writeFile(zip, "mine");
    for (const place of [to, zip]) {
      const failed = { code: "CONFLICT", hint: /overwrite/ };
      await expect(pullSession({ from, session: PROFILE, to: place })).rejects.toMatchObject(failed);
    }
    expect(await readFile(zip, "utf8")).toBe("mine");
    assertSameFiles(await filesIn(to), profileFiles("first"));
    const { kept = "" } = await pullSession({ from, session: PROFILE, to, overwrite: true });
    assertSameFiles(await filesIn(to), profileFiles("second"));
    // It may be the only copy of a session.
    assertSameFiles(await filesIn(kept), profileFiles("first"));
    const again = await pullSession({ from, session: PROFILE, to: zip, overwrite: true });
    expect(await readFile(again.kept ?? "", "utf8")).toBe("mine");
    const names = ["profile", basename(kept), "x.zip", basename(again.kept ?? "")];
    expect((await readdir(root)).sort()).toEqual(names.sort());
  });

  it.skipIf(process.platform === "win32")(
    "writes no zip in the place of a pipe, and does not wait for it",
    async () => {
      const to = join(root, "x.zip");
      execFileSync("mkfifo", [to]);
      const pulled = pullSession({ from, session: PROFILE, to, overwrite: true });
      await expect(pulled).rejects.toMatchObject({
        code: "INVALID",
        message: expect.stringContaining("no regular file"),
      });
      expect((await lstat(to)).isFIFO()).toBe(true);
    },
  );

  it("keeps no folder that was empty", async () => {
    const to = join(root, "profile");
    await mkdir(to);
    expect(await pullSession({ from, session: PROFILE, to, overwrite: true })).not.toHaveProperty("kept");
    expect(await readdir(root)).toEqual(["profile"]);
  });

  it("leaves a profile that a bot has open", async () => {
    const to = join(root, "profile");
    await pullSession({ from, session: PROFILE, to, generation: first });
    const lock = await lockProfile(to);
    const call = { from, session: PROFILE, to, overwrite: true };
    await expect(pullSession(call)).rejects.toMatchObject({ code: "LEASE_HELD" });
    await lock.release();
    assertSameFiles(await filesIn(to), profileFiles("first"));
  });

  it.each(["reading", "writing"])("that is ended while it is %s leaves the place as it was", async (at) => {
    const to = join(root, "profile");
    await pullSession({ from, session: PROFILE, to, generation: first });
    const ended = new AbortController();
    const onProgress = ({ step }: { step: string }): void => {
      if (step === at) ended.abort(new Error("enough"));
    };
    const call = { from, session: PROFILE, to, overwrite: true, onProgress, signal: ended.signal };
    await expect(pullSession(call)).rejects.toThrow("enough");
    assertSameFiles(await filesIn(to), profileFiles("first"));
    expect(await readdir(root)).toEqual(["profile"]);
  });

  it("says who has the session, what is absent, and what cannot be", async () => {
    const lease = await from.acquire({ session: PROFILE });
    const to = join(root, "p");
    expect((await pullSession({ from, session: PROFILE, to })).heldBy).toMatch(/:\d+$/);
    await lease.release();
    const call = { from, to: join(root, "q") };
    await expect(pullSession({ ...call, session: "RemoteAuth-none" })).rejects.toMatchObject({ code: "ABSENT" });
    await expect(pullSession({ ...call, session: PROFILE, generation: 99 })).rejects.toMatchObject({ code: "ABSENT" });
    await expect(pullSession({ ...call, session: PROFILE, form: "multi-file" })).rejects.toMatchObject({
      code: "INVALID",
    });
    expect(await readdir(root)).toEqual(["p"]);
  });
});

describe("pullSession of a session of Baileys", () => {
  it("writes a directory that useMultiFileAuthState of Baileys reads", async () => {
    const sample = sampleState(3);
    const source = await multiFileOf(sample, join(root, "source"));
    await pushSession({ from: source, to: from, session: RECORDS });
    const to = join(root, "pulled");
    const report = await pullSession({ from, session: RECORDS, to });
    expect(report).toMatchObject({ form: "multi-file", path: to });
    expect(await textsIn(to)).toEqual(await textsIn(source));
    const { state } = await useMultiFileAuthState(to);
    expect(await readAll(state, sample)).toEqual(expectedOf(sample));
    await expect(pullSession({ from, session: RECORDS, to })).rejects.toMatchObject({ code: "CONFLICT" });
    await writeFile(join(to, "creds.json"), "{}");
    const { kept = "" } = await pullSession({ from, session: RECORDS, to, overwrite: true });
    expect(await textsIn(to)).toEqual(await textsIn(source));
    expect(await readFile(join(kept, "creds.json"), "utf8")).toBe("{}");
    expect((await readdir(root)).sort()).toEqual(["pulled", basename(kept), "source"].sort());
    await expect(pullSession({ from, session: RECORDS, to: join(root, "x"), form: "zip" })).rejects.toMatchObject({
      code: "INVALID",
    });
  });

  it("is refused while a bot has it", async () => {
    await pushSession({ from: await multiFileOf(sampleState(1), join(root, "source")), to: from, session: RECORDS });
    const records = await from.openRecords({ session: RECORDS });
    const call = { from, session: RECORDS, to: join(root, "pulled") };
    await expect(pullSession(call)).rejects.toMatchObject({ code: "LEASE_HELD" });
    await records.close();
    await pullSession(call);
  });
});
