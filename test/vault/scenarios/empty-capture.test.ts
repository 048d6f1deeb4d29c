import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Capture } from "../../../lib/store.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, profileFiles, writeZip } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { holdBack, Requests } from "../support/requests.ts";

const session = "RemoteAuth-bot";
const preferences: Files = { "Default/Preferences": Buffer.from("{}") };

const folder = useFolder();
let requests: Requests;
let warnings: string[];
let store: Vault;

beforeEach(() => {
  requests = new Requests(new MemoryBlobs());
  warnings = [];
  store = new Vault({ blobs: requests, retries: 0, onWarning: (message) => warnings.push(message) });
});

async function restored(): Promise<Files> {
  const into = folder();
  await store.restoreProfile({ session, into });
  return filesIn(into);
}

async function zipOf(files: Files, name: string): Promise<string> {
  const path = join(folder(), name);
  await writeZip(files, path);
  return path;
}

describe("a zip without a session", () => {
  it.each([
    ["before the next save", (key: string) => key.includes("/log/")],
    ["during the next save", (key: string) => key.includes("/chunks/")],
  ])("does not replace a save that was reported as failed and arrived %s", async (_, isMoment) => {
    const good = await zipOf(profileFiles("good"), "good.zip");
    const empty = await zipOf(preferences, "empty.zip");
    // The first entry is the hold.
    const late = holdBack(requests, { first: 2 });
    await expect(store.save({ session, path: good })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.intercept = async (_call, key, go) => {
      if (late.isPending && isMoment(key)) await late.arrive();
      return go();
    };
    await store.save({ session, path: empty });
    expect(late.isPending).toBe(false);
    assertSameFiles(await restored(), profileFiles("good"));
    expect(warnings).toEqual([expect.stringMatching(/carries no session.*generation 2 stays/)]);
    const { generations = [] } = (await store.state({ session })) ?? {};
    expect(generations.map(({ suspect }) => suspect)).toEqual([false, true]);
  });
});

describe("a capture without a session", () => {
  const withoutStorage: Capture = { ...captureOf(preferences), profile: { browserVersion: "156.0.8078.73" } };

  it.each([
    ["files", captureOf({})],
    ["storage of the site", withoutStorage],
  ])("that has no %s is refused where there is one, also a deleted one", async (_, capture) => {
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("good")) });
    const refused = { code: "INVALID", hint: expect.stringContaining("stays as it is") };
    await expect(store.saveProfile({ session, lease, capture })).rejects.toMatchObject(refused);
    assertSameFiles(await restored(), profileFiles("good"));
    await store.delete({ session, lease });
    await expect(store.saveProfile({ session, lease, capture })).rejects.toMatchObject(refused);
    await store.undelete({ session, lease });
    assertSameFiles(await restored(), profileFiles("good"));
  });

  it("is refused also where the good generation arrives during the save", async () => {
    const lease = await store.acquire({ session });
    const late = holdBack(requests);
    const saving = store.saveProfile({ session, lease, capture: captureOf(profileFiles("good")) });
    await expect(saving).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.intercept = async (call, key, go) => {
      if (call === "put" && key.includes("/chunks/") && late.isPending) await late.arrive();
      return go();
    };
    const empty = store.saveProfile({ session, lease, capture: withoutStorage });
    await expect(empty).rejects.toMatchObject({ code: "INVALID" });
    expect(late.isPending).toBe(false);
    assertSameFiles(await restored(), profileFiles("good"));
  });
});
