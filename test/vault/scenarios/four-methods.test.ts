import { mkdir, readdir, realpath, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unzip } from "../../../lib/archive/unzip.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, profileFiles, writeZip } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { rightTime } from "../../support/monotonic-clock.ts";
import { Requests } from "../support/requests.ts";

const session = "RemoteAuth-bot";

describe("zips, as whatsapp-web.js's own RemoteAuth saves and extracts them", () => {
  const home = process.cwd();
  let directory: string;
  let store: Vault;
  let warnings: string[];

  const folder = useFolder();
  beforeEach(async () => {
    directory = await realpath(folder());
    process.chdir(directory);
    warnings = [];
    store = open();
    // As a strategy does, before it writes the first zip.
    await store.sessionExists({ session });
  });
  afterEach(async () => {
    process.chdir(home);
  });

  function open(dataPath?: string): Vault {
    return new Vault({ blobs: new MemoryBlobs(), dataPath, onWarning: (message) => warnings.push(message) });
  }

  async function extracted(in_: Vault = store): Promise<Files> {
    await in_.extract({ session, path: "out.zip" });
    await unzip("out.zip", "out");
    const files = await filesIn("out");
    await rm("out.zip");
    await rm("out", { recursive: true });
    return files;
  }

  it("are found where version 1.34.4 puts them: in the working directory", async () => {
    await writeZip(profileFiles("one"), `${session}.zip`);
    await store.save({ session });
    assertSameFiles(await extracted(), profileFiles("one"));
  });

  it("are found where 1.34.5 and 1.34.6 put them: beside the absolute path they call the session", async () => {
    const path = join(directory, "data", session);
    await writeZip(profileFiles("one"), `${path}.zip`);
    await store.save({ session: path });
    assertSameFiles(await extracted(), profileFiles("one"));
    expect(await store.sessionExists({ session: path })).toBe(true);
  });

  it("are found where 1.34.7 puts them: in its data path", async () => {
    await writeZip(profileFiles("default"), join(".wwebjs_auth", `${session}.zip`));
    await store.save({ session });
    assertSameFiles(await extracted(), profileFiles("default"));
    const elsewhere = open(join(directory, "elsewhere"));
    await elsewhere.sessionExists({ session });
    await writeZip(profileFiles("elsewhere"), join(directory, "elsewhere", `${session}.zip`));
    await elsewhere.save({ session });
    assertSameFiles(await extracted(elsewhere), profileFiles("elsewhere"));
  });

  it("are the newest of those where several are new, and a warning says so", async () => {
    await writeZip(profileFiles("old"), `${session}.zip`);
    await utimes(`${session}.zip`, new Date(), new Date(rightTime() - 1_000));
    await writeZip(profileFiles("new"), join(".wwebjs_auth", `${session}.zip`));
    await store.save({ session });
    assertSameFiles(await extracted(), profileFiles("new"));
    expect(warnings).toEqual([
      `There is more than one new zip of ${session}: ${join(directory, ".wwebjs_auth", `${session}.zip`)} is saved, which was ` +
        `written last, and ${join(directory, `${session}.zip`)} is not. To be sure, name it: \`save({ session, path })\`.`,
    ]);
  });

  it("that cannot be found are named with every place that was tried", async () => {
    const error: Error = await store.save({ session, path: "there.zip" }).then(
      () => expect.fail("it was saved"),
      (cause) => cause,
    );
    for (const place of ["there.zip", `${session}.zip`, join(".wwebjs_auth", `${session}.zip`)]) {
      expect(error.message).toContain(join(directory, place));
    }
    expect(await store.state({ session })).toBeUndefined();
  });

  it("end as the same generations as profiles do", async () => {
    await writeZip(profileFiles("one"), "a.zip");
    const zipped = await store.save({ session, path: "a.zip" });
    const again = await store.save({ session, path: "a.zip" });
    expect(again).toMatchObject({ unchanged: true, generation: zipped.generation });
    await store.restoreProfile({ session, into: "restored" });
    assertSameFiles(await filesIn("restored"), profileFiles("one"));
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("two")) });
    assertSameFiles(await extracted(), profileFiles("two"));
  });

  it("that hold a profile which does not verify are kept as suspect, and replace nothing good", async () => {
    const bad = (value: string): Files => {
      const files = profileFiles(value);
      const name = Object.keys(files).find((path) => path.includes("MANIFEST")) as string;
      return { ...files, [name]: (files[name] as Buffer).subarray(0, -2) };
    };
    await writeZip(profileFiles("good"), "good.zip");
    await writeZip(bad("bad"), "bad.zip");
    await store.save({ session, path: "good.zip" });
    const { generation } = await store.save({ session, path: "bad.zip" });
    expect(warnings).toEqual([
      expect.stringMatching(/does not verify .*MANIFEST.*kept as suspect, generation \d+ stays/s),
    ]);
    const state = await store.state({ session });
    expect(state?.current?.generation).toBe(generation);
    expect(state?.generations.map(({ suspect }) => suspect)).toEqual([false, true]);
    assertSameFiles(await extracted(), profileFiles("good"));
    // By its number it can be had as it is, by people.
    const suspect = state?.generations[1]?.generation;
    await store.restoreProfile({ session, into: "suspect", generation: suspect });
    assertSameFiles(await filesIn("suspect"), bad("bad"));
  });

  it("that do not verify are current where there is nothing better, and no QR code comes of it", async () => {
    const files = profileFiles("bad");
    const name = Object.keys(files).find((path) => path.includes("MANIFEST")) as string;
    await writeZip({ ...files, [name]: Buffer.from("no") }, "bad.zip");
    await store.save({ session, path: "bad.zip" });
    expect((await store.state({ session }))?.current?.suspect).toBe(true);
    expect(await store.sessionExists({ session })).toBe(true);
    await expect(store.extract({ session, path: "out.zip" })).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await readdir(directory)).not.toContain("out.zip");
    await writeZip(profileFiles("good"), "good.zip");
    await store.save({ session, path: "good.zip" });
    assertSameFiles(await extracted(), profileFiles("good"));
  });

  it("without a session replace none", async () => {
    await writeZip({ "Default/Preferences": Buffer.from("{}") }, "empty.zip");
    await writeZip(profileFiles("good"), "good.zip");
    await store.save({ session, path: "good.zip" });
    await store.save({ session, path: "empty.zip" });
    expect(warnings).toEqual([expect.stringContaining("carries no session")]);
    assertSameFiles(await extracted(), profileFiles("good"));
  });

  it("that are torn are refused, and leave what there is", async () => {
    await writeZip(profileFiles("good"), "good.zip");
    await store.save({ session, path: "good.zip" });
    await mkdir("torn");
    for (const bytes of [Buffer.alloc(0), Buffer.from("PK"), Buffer.alloc(500, "x")]) {
      await writeFile("torn/a.zip", bytes);
      await expect(store.save({ session, path: "torn/a.zip" })).rejects.toMatchObject({ code: "CORRUPT" });
    }
    assertSameFiles(await extracted(), profileFiles("good"));
    expect(warnings).toEqual([]);
  });

  it("are whole when the generation they come from is pruned as soon as it was read", async () => {
    const requests = new Requests(new MemoryBlobs());
    const [reader, writer] = [new Vault({ blobs: requests }), new Vault({ blobs: requests, keep: 1 })];
    const lease = await writer.acquire({ session });
    await writer.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    const entry = "0000000000000002";
    let wasRead = false;
    requests.intercept = async (call, key, go) => {
      // As if its last chunk had come a moment before the prune.
      if (call === "get" && key.endsWith(entry) && wasRead) return undefined as never;
      if (call === "get" && key.includes("/chunks/")) wasRead = true;
      return go();
    };
    assertSameFiles(await extracted(reader), profileFiles("one"));
  });

  it("are refused while another process has the session, and saved once its lease is broken", async () => {
    await writeZip(profileFiles("one"), "a.zip");
    await store.save({ session, path: "a.zip" });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("two")) });
    await writeZip(profileFiles("three"), "a.zip");
    await expect(store.save({ session, path: "a.zip" })).rejects.toMatchObject({ code: "LEASE_HELD" });
    assertSameFiles(await extracted(), profileFiles("two"));
    await store.breakLease({ session });
    await store.save({ session, path: "a.zip" });
    assertSameFiles(await extracted(), profileFiles("three"));
    const save = store.saveProfile({ session, lease, capture: captureOf(profileFiles("four")) });
    await expect(save).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(lease.lost.aborted).toBe(true);
    await store.delete({ session });
    expect(await store.sessionExists({ session })).toBe(false);
  });
});
