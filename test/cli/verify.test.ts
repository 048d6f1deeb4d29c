import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import { chunksPrefix, entryKey } from "../../lib/vault/layout.ts";
import { captureOf, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { linesOf, widest } from "./support/lines.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
const session = "RemoteAuth-support";
const { TMPDIR } = process.env;
let directory: string;
let address: string;
let store: FileStore;
let blobs: FileBlobs;
let temporary: string;

beforeEach(async () => {
  directory = join(folder(), "sessions");
  address = `file:${directory}`;
  store = new FileStore({ directory });
  blobs = new FileBlobs({ directory });
  temporary = await mkdtemp(join(folder(), "tmp-"));
  process.env.TMPDIR = temporary;
});

afterEach(async () => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  expect(await readdir(temporary)).toEqual([]);
});

async function save(values: readonly string[], name = session, by = store): Promise<number[]> {
  const lease = await by.acquire({ session: name });
  const saved: number[] = [];
  for (const value of values) {
    const files = profileFiles(value, { "Default/large": noise(100_000, value.length) });
    saved.push((await by.saveProfile({ session: name, lease, capture: captureOf(files) })).generation);
  }
  await lease.release();
  return saved;
}

async function chunks(name = session): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(chunksPrefix(name))) keys.push(key);
  return keys;
}

describe("wa-vault verify", () => {
  it("finds all sessions of a store good", async () => {
    await save(["one"]);
    await save(["two", "three"], "RemoteAuth-sales");
    const { code, stdout, stderr } = await runCli(["verify", "--store", address]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(linesOf(stdout)).toEqual([
      expect.stringMatching(/^SESSION +GEN +SAVED +SIZE +FOUND$/),
      expect.stringMatching(/^RemoteAuth-sales .* good, current, databases verified$/),
      expect.stringMatching(/^RemoteAuth-support .* good, current, databases verified$/),
    ]);
    const all = await runCli(["verify", "sales", "--history", "--store", address]);
    expect(linesOf(all.stdout)).toHaveLength(3);
  });

  it("names what is damaged and the generation to go back to, with exit code 5", async () => {
    const [one] = await save(["one"]);
    const before = await chunks();
    const [two] = await save(["three"]);
    await save(["fine"], "RemoteAuth-sales");
    await blobs.delete((await chunks()).filter((key) => !before.includes(key)));
    const { code, stdout, stderr } = await runCli(["verify", "--store", address]);
    expect(code).toBe(5);
    expect(stdout).toMatch(/RemoteAuth-sales .* good, current/);
    expect(stdout).toMatch(new RegExp(`RemoteAuth-support +${two} .* damaged, current, 1 of \\d chunks`));
    // The others are checked too, because one of them may take its place.
    expect(stdout).toMatch(new RegExp(`RemoteAuth-support +${one} .* good, databases verified`));
    expect(stdout).toContain(`\n  wa-vault rollback RemoteAuth-support ${one}\n`);
    expect(stderr).toBe("CORRUPT: 1 of 2 sessions damaged.\n");
    // What the command says must help: it is what a restore does by itself.
    const report = await store.restoreProfile({ session, into: join(folder(), "profile") });
    expect(report).toMatchObject({ generation: one, skipped: [{ generation: two, code: "CORRUPT" }] });
  });

  it("says when nothing is whole any more", async () => {
    await save(["one", "two"]);
    await blobs.delete(await chunks());
    const { code, stdout } = await runCli(["verify", session, "--store", address]);
    expect(code).toBe(5);
    expect(stdout.replaceAll("\n", " ")).toContain("bring the store back from a backup of its own, or link the device");
  });

  it("checks every entry of the log with --all", async () => {
    await save(["one", "two"]);
    const entries: string[] = [];
    for await (const { key } of blobs.list(`${session}/log/`)) entries.push(key);
    await blobs.put(entryKey(session, 1), Buffer.from("torn"));
    expect((await runCli(["verify", session, "--store", address])).code).toBe(0);
    const { code, stdout } = await runCli(["verify", session, "--history", "--store", address]);
    expect(code).toBe(5);
    expect(stdout).toMatch(/ 1 +cannot be read \(CORRUPT\)/);
  });

  it("verifies the databases, of records every chunk and entry, and of deleted sessions what can come back", async () => {
    const lease = await store.acquire({ session });
    const torn = { "Default/Local Storage/leveldb/MANIFEST-000001": noise(200) };
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("x", torn)) });
    await lease.release();
    const { code, stdout } = await runCli(["verify", session, "--store", address]);
    expect(code).toBe(5);
    expect(stdout).toMatch(/damaged, current$/m);
    expect(stdout.replaceAll("\n", " ")).toContain("MANIFEST-000001");

    const records = await store.openRecords({ session: "Baileys-bot" });
    await records.set([["creds", noise(100)]]);
    await records.close();
    expect((await runCli(["verify", "bot", "--store", address])).stdout).toMatch(/Baileys-bot .* good, current/);
    const newest = (await store.state({ session: "Baileys-bot" }))?.entry ?? 0;
    await store.delete({ session: "Baileys-bot" });
    await blobs.put(entryKey("Baileys-bot", newest), Buffer.from("torn"));
    const bot = await runCli(["verify", "bot", "--history", "--store", address]);
    expect(bot.code).toBe(5);
  });

  it("tells a missing key (7) and an outage (4) from damage", async () => {
    await save(["one"], session, new FileStore({ directory, encryption: { key: testKey(1) } }));
    const locked = await runCli(["verify", "--store", address]);
    expect(locked.code).toBe(7);
    expect(locked.stdout).toMatch(/cannot be checked \(WRONG_KEY\)/);
    const env = { WA_VAULT_KEY: testKey(1).toString("hex") };
    expect((await runCli(["verify", "--store", address], { env })).code).toBe(0);
    await writeFile(join(directory, "in-the-way"), "a file where a folder of the store should be");
    const away = await runCli(["verify", "--json", "--store", `${address}/in-the-way`]);
    expect(away).toMatchObject({ code: 4, stdout: "" });
    expect(JSON.parse(away.stderr)).toMatchObject({ error: { code: "UNAVAILABLE" } });
  });

  it("is JSON for scripts, also when something is damaged", async () => {
    const [one] = await save(["one"]);
    const good = await runCli(["verify", "--json", "--store", address]);
    expect(good.json()).toMatchObject({
      store: address,
      good: true,
      sessions: [{ session, good: true, checked: [{ generation: one, isCurrent: true, databases: "now" }] }],
    });
    await blobs.delete(await chunks());
    const { code, json, stderr } = await runCli(["verify", "--json", "--store", address]);
    expect(code).toBe(5);
    expect(json()).toMatchObject({
      good: false,
      sessions: [{ good: false, checked: [{ problem: { code: "CORRUPT", message: expect.any(String) } }] }],
    });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "CORRUPT" } });
  });

  it("fits into 40 columns", async () => {
    await save(["one"]);
    await blobs.delete((await chunks()).slice(0, 1));
    const { stdout } = await runCli(["verify", "--store", address], { columns: 40 });
    // Paths and keys are not broken: they are copied.
    const long = linesOf(stdout).filter((line) => line.includes(" "));
    expect(Math.max(...long.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(widest(stdout.split("\n\n")[0] ?? "")).toBeLessThanOrEqual(40);
  });

  it("says so when there is nothing to check", async () => {
    const empty = await runCli(["verify", "--store", address]);
    expect(empty).toMatchObject({ code: 0, stdout: "" });
    expect(empty.stderr).toContain("has no sessions");
    expect((await runCli(["verify", "nobody", "--store", address])).code).toBe(3);
  });
});
