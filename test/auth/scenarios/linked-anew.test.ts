import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { readMarker } from "../../../lib/auth/local/marker.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { ProfileSaver } from "../../../lib/auth/saving/profile-saver.ts";
import type { StoreSession } from "../../../lib/auth/store/store-session.ts";
import { VaultError } from "../../../lib/errors.ts";
import { CheckedFiles } from "../../../lib/profile/checked-files.ts";
import { assertSameFiles, type Files, filesIn, writeFiles } from "../../contract/profile.ts";
import { LOCAL_STORAGE, youngLevelDb } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { expectWarning } from "../../support/warnings.ts";
import { linkedProfile, sessionOf, storeProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const disk = vi.hoisted(() => ({ isFull: false }));

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const open = async (path: string, ...rest: [string]): Promise<unknown> => {
    if (disk.isFull && /wa-vault\.json\./.test(path)) {
      throw Object.assign(new Error("ENOSPC: no space left on device, open"), { code: "ENOSPC", syscall: "open" });
    }
    return await fs.open(path, ...rest);
  };
  return { ...fs, open };
});

expectWarning(/WhatsApp has refused generation 2 of RemoteAuth, and there is no older one to open/);
expectWarning(/is no copy of the stored session; the stored session is used, and the profile was moved to .*\.unsaved/);

const session = "RemoteAuth";
const old = linkedProfile("old");
let root: string;

const folder = useFolder();
beforeEach(async () => {
  root = folder();
  await storeProfile(join(root, "store"), session, old);
});
afterEach(async () => {
  disk.isFull = false;
});

/** The same phone linked again: Local Storage was written anew. */
function linkedAnew(): Files {
  const localStorage = youngLevelDb([
    ["before", "x"],
    ["_https://web.whatsapp.com\0\u0001last-wid-md", '\u0001"15550001111:2@c.us"'],
  ]);
  const files = Object.entries(localStorage).map(([path, bytes]) => [`${LOCAL_STORAGE}/${path}`, Buffer.from(bytes)]);
  return { ...linkedProfile("anew"), ...Object.fromEntries(files) };
}

/** A save would say on disk whose profile it is: none succeeds. */
class FullStore extends FileStore {
  override async saveProfile(): Promise<never> {
    throw new VaultError("UNAVAILABLE", "Could not save: so the test wants it.");
  }
}

function startOn(data: string): { client: ScriptedClient; strategy: RemoteAuth } {
  const store = new FullStore({ directory: join(root, "store") });
  const strategy = new RemoteAuth({ store, dataPath: join(root, data), backupSyncIntervalMs: 60_000 });
  return { client: new ScriptedClient(strategy), strategy };
}

/** The stored session was refused, and the page has a new link that was not saved. */
async function refused(profile: Files): Promise<{ client: ScriptedClient; strategy: RemoteAuth; dir: string }> {
  const dir = join(root, "data", session);
  const { client, strategy } = startOn("data");
  await client.initialize("qr");
  await rm(join(dir, "Default"), { recursive: true });
  await writeFiles(profile, dir);
  return { client, strategy, dir };
}

/** Dies without a last save: the next process finds a copy of the disk. */
async function die({ client, strategy, dir }: Awaited<ReturnType<typeof refused>>): Promise<string> {
  const next = join(root, "next", session);
  await cp(dir, next, { recursive: true, filter: (path) => !path.endsWith(".wa-vault-browser.json") });
  await strategy.disconnect();
  await client.destroy();
  return next;
}

it("a READY whose record failed is recorded at the next READY", async () => {
  const run = await refused(linkedAnew());
  disk.isFull = true;
  await run.client.ready();
  await vi.waitFor(
    () => expect(run.client.errors).toContainEqual(expect.objectContaining({ code: "ENOSPC" })),
    240_000,
  );
  expect(await readMarker(run.dir)).toMatchObject({ isSuperseded: true });
  disk.isFull = false;
  await run.strategy.afterAuthReady();
  await vi.waitFor(async () => expect(await readMarker(run.dir)).toMatchObject({ isSuperseded: false }), 240_000);
  const dir = await die(run);
  const next = startOn("next");
  await next.client.initialize("linked");
  expect(next.client.seen).not.toContain("restored");
  assertSameFiles(sessionOf(await filesIn(dir)), linkedAnew());
  await next.strategy.disconnect();
  await next.client.destroy();
});

it("after a READY and a page that asks for a link, the marker records the later event", async () => {
  const dir = join(root, "data", session);
  await writeFiles(old, dir);
  const nothing = (): void => {};
  const saver = new ProfileSaver({
    store: {} as StoreSession,
    session,
    dir,
    linkedSince: () => undefined,
    browserRuns: () => true,
    wid: () => undefined,
    onSaved: nothing,
    onError: nothing,
    onWarning: nothing,
  });
  const history = [{ id: "0" }, { id: "1", generation: 1 }];
  saver.start({ history, entry: 4, profile: {}, checked: new CheckedFiles() });
  await saver.provenance.markSuperseded();
  await Promise.all([
    saver.provenance.clearSuperseded(),
    saver.provenance.markSuperseded(),
    saver.expectNewLink(new AbortController().signal),
  ]);
  expect(await readMarker(dir)).toMatchObject({ history, isSuperseded: true, refusedCredentials: expect.any(String) });
  disk.isFull = true;
  await expect(saver.provenance.clearSuperseded()).rejects.toMatchObject({ code: "ENOSPC" });
  disk.isFull = false;
  await Promise.all([saver.provenance.markSuperseded(), saver.provenance.clearSuperseded()]);
  const unsuperseded = { isSuperseded: false, refusedCredentials: undefined, isUnsaved: false };
  expect(await readMarker(dir)).toEqual({ session, history, ...unsuperseded, entry: 4 });
});

it("a new link that was never recorded is set aside, and not removed", async () => {
  const dir = await die(await refused(linkedAnew()));
  const next = startOn("next");
  await next.client.initialize("linked");
  expect(next.client.seen).toContain("restored");
  assertSameFiles(sessionOf(await filesIn(dir)), old);
  assertSameFiles(sessionOf(await filesIn(`${dir}.unsaved`)), linkedAnew());
  await next.client.destroy();
  assertSameFiles(sessionOf(await filesIn(`${dir}.unsaved`)), linkedAnew());
});

it("a refused session that was not linked again is replaced by the stored session", async () => {
  await die(await refused(old));
  for (let start = 0; start < 3; start++) {
    const next = startOn("next");
    await next.client.initialize("qr");
    expect(next.client.seen).toContain("restored");
    await next.client.destroy();
  }
  expect((await readdir(join(root, "next"))).filter((name) => name.includes(".unsaved"))).toEqual([]);
});
