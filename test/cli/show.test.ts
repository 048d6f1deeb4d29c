import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import { useVaultAuthState } from "../../lib/baileys/index.ts";
import { chunksPrefix, entryKey } from "../../lib/vault/layout.ts";
import { linked } from "../baileys/support/states.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { widest } from "./support/lines.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
const session = "RemoteAuth-support";
const PHONE = "5511999990000@c.us";
let directory: string;
let address: string;
let store: FileStore;

beforeEach(() => {
  directory = join(folder(), "sessions");
  address = `file:${directory}`;
  store = new FileStore({ directory });
});

/** Three generations, of which the first one is proven and the second one rejected. */
async function threeGenerations(by: FileStore = store): Promise<number[]> {
  const lease = await by.acquire({ session });
  const saved: number[] = [];
  for (const value of ["one", "two", "three"]) {
    const report = await by.saveProfile({ session, lease, capture: captureOf(profileFiles(value)), wid: PHONE });
    saved.push(report.generation);
  }
  const [one = 0, two = 0] = saved;
  await by.mark({ session, lease, generation: one, as: "proven" });
  await by.mark({ session, lease, generation: two, as: "rejected" });
  await lease.release();
  return saved;
}

describe("wa-vault show", () => {
  it("tells what is saved, what a restore brings, the browser, the sizes and the last process", async () => {
    const [one, two, three] = await threeGenerations();
    const { code, stdout, stderr } = await runCli(["show", "support", "--store", address]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^RemoteAuth-support\n/);
    expect(stdout).toMatch(/kind +browser \(whatsapp-web\.js\)/);
    expect(stdout).toMatch(new RegExp(`restores +generation ${three}; if it is damaged ${one}\n`));
    expect(stdout).toMatch(/browser +Chromium 156\.0\.8078\.73, LevelDB/);
    expect(stdout).toMatch(/stored +[\d.]+ k?B in \d+ values/);
    expect(stdout).toMatch(/encrypted +no/);
    expect(stdout).toMatch(/phone +the same one in all generations/);
    expect(stdout).toContain(`nobody; the last one was ${hostname()}:${process.pid}`);
    const rows = stdout.slice(stdout.indexOf("GENERATION")).trimEnd().split("\n");
    expect(rows.slice(1).map((row) => row.replace(/^(\d+) .* {2}(\d+)( {2}(.*))?$/, "$1 $4"))).toEqual([
      `${three} current`,
      `${two} rejected by WhatsApp`,
      `${one} proven`,
    ]);
    // The number of the phone is nobody's business.
    expect(stdout).not.toContain("5511999990000");
  });

  it("tells every entry of the log on request", async () => {
    const [one, two, three] = await threeGenerations();
    const { stdout } = await runCli(["show", session, "--history", "--store", address]);
    const told = stdout
      .slice(stdout.indexOf("ENTRY"))
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((row) => row.split(/ {2,}/)[2]?.replace(/, [\d.]+ k?B,/, ","));
    expect(told).toEqual([
      `generation ${two} was rejected by WhatsApp`,
      `generation ${one} reached ready`,
      `saved generation ${three}, current`,
      `saved generation ${two}, kept`,
      `saved generation ${one}, kept`,
      "took the session",
    ]);
  });

  it("is one line of JSON for scripts", async () => {
    const [, , three] = await threeGenerations();
    const lease = await store.acquire({ session });
    const { code, stderr, json } = await runCli(["show", "support", "--history", "--json", "--store", address]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(Object.keys(json()).slice(0, 2)).toEqual(["store", "session"]);
    expect(json()).toMatchObject({
      store: address,
      session,
      kind: "profile",
      saved: { generation: three, at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) },
      kept: [{ proven: true }, { rejected: true }, { generation: three }],
      lease: { owner: `${hostname()}:${process.pid}` },
      stored: { bytes: expect.any(Number) },
      history: expect.arrayContaining([expect.objectContaining({ what: "save" })]),
    });
    await lease.release();
  });

  it("tells generations of several phones apart, and deleted sessions", async () => {
    const lease = await store.acquire({ session });
    for (const [value, wid] of [
      ["one", PHONE],
      ["two", "4911@c.us"],
    ] as const) {
      await store.saveProfile({ session, lease, capture: captureOf(profileFiles(value)), wid });
    }
    const two = await runCli(["show", session, "--store", address]);
    expect(two.stdout).toMatch(/phone +2 different ones/);
    expect(two.stdout).toMatch(/current\n/);
    expect(two.stdout).toMatch(/of another phone\n/);
    expect(two.stdout).toMatch(/restores +generation \d+; none in its place/);
    await store.delete({ session, lease });
    await lease.release();
    const { stdout } = await runCli(["show", session, "--store", address]);
    expect(stdout).toMatch(/state +deleted .*can be undeleted for 7 d/);
    expect(stdout).toMatch(/undelete brings it back/);
    expect(stdout).not.toMatch(/^restores/m);
  });

  it("tells of Baileys whether a phone has linked it, and how its records are stored", async () => {
    const opened = await useVaultAuthState({ store, session: "support" });
    await opened.saveCreds();
    const before = await runCli(["show", "Baileys-support", "--store", address]);
    expect(before.stdout).toMatch(/registered +no/);
    Object.assign(opened.state.creds, linked());
    await opened.saveCreds();
    await opened.close();
    const { code, stdout } = await runCli(["show", "support", "--store", address]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/kind +Baileys/);
    expect(stdout).toMatch(/registered +yes/);
    expect(stdout).toMatch(/records +1\n/);
    expect(stdout).toMatch(/folds +\d+ folded pieces, and \d+ entries after them/);
    expect(stdout).not.toContain(String(linked().me?.id.split(":")[0]));
    const blobs = new FileBlobs({ directory });
    for await (const { key } of blobs.list(chunksPrefix("Baileys-support"))) await blobs.put(key, Buffer.from("torn"));
    const { records } = (await store.facts({ session: "Baileys-support", details: true })) as never;
    expect(records).toBeUndefined();
  });

  it("tells what cannot be read of records, beside all else", async () => {
    const opened = await useVaultAuthState({ store, session: "support" });
    for (let n = 0; n < 60; n++) await opened.state.keys.set({ "pre-key": { [n]: { n } as never } });
    await opened.saveCreds();
    await opened.close();
    const blobs = new FileBlobs({ directory });
    const chunks: string[] = [];
    for await (const { key } of blobs.list(chunksPrefix("Baileys-support"))) chunks.push(key);
    expect(chunks.length).toBeGreaterThan(0);
    await blobs.delete(chunks);
    const { code, stdout } = await runCli(["show", "support", "--store", address]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/records +cannot be read \(CORRUPT\): .*missing/);
    expect((await runCli(["show", "support", "--store", address, "--json"])).json()).toMatchObject({
      records: { problem: { code: "CORRUPT" } },
    });
  });

  it("fits into 40 columns", async () => {
    await threeGenerations(new FileStore({ directory, encryption: { key: testKey(1) } }));
    const env = { WA_VAULT_KEY: testKey(1).toString("hex"), NO_COLOR: "1" };
    const { code, stdout } = await runCli(["show", session, "--store", address, "--history"], { columns: 40, env });
    expect(code).toBe(0);
    expect(widest(stdout)).toBeLessThanOrEqual(40);
    expect(stdout).toMatch(/yes, with key\s+[0-9a-f]{16}/);
  });

  it("ends with the code of what is wrong, and a next step", async () => {
    await threeGenerations();
    const absent = await runCli(["show", "suport", "--store", address]);
    expect(absent).toMatchObject({ code: 3, stdout: "" });
    expect(absent.stderr).toContain("RemoteAuth-support");
    const blobs = new FileBlobs({ directory });
    const entries: string[] = [];
    for await (const { key } of blobs.list(`${session}/log/`)) entries.push(key);
    const newest = entries.sort().at(-1) as string;
    expect(newest).toBe(entryKey(session, entries.length));
    await blobs.put(newest, Buffer.from("torn"));
    const torn = await runCli(["show", session, "--store", address]);
    expect(torn).toMatchObject({ code: 5, stdout: "" });
    expect(torn.stderr).toMatch(/^CORRUPT: /);
  });
});
