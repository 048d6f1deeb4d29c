import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { peekAuthState } from "../../lib/baileys/index.ts";
import { multiFileOf } from "../baileys/support/multi-file.ts";
import { sampleState } from "../baileys/support/sample-state.ts";
import { linkedProfileFiles, profileFiles, writeFiles, writeZip } from "../contract/profile.ts";
import { saveFiles } from "../session-file/support/sessions.ts";
import { folderPrint } from "../support/folder-print.ts";
import { startMongo, startRedis, startS3, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { openStore } from "../support/stores.ts";
import { useCredentials } from "./support/credentials.ts";
import { runCli } from "./support/run-cli.ts";
import { restored, saveBrowser, saveRecords, usePlaces } from "./support/sessions.ts";
import { fillWapi, uuid, writeWapi } from "./support/wapi.ts";

const places = usePlaces();
const cli = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  runCli(["migrate", ...args, "--store", places.main.address], { env });

describe("wa-vault migrate of a directory", () => {
  it("moves what LocalAuth, zips, Baileys and wapi have, and leaves the source as it is", async () => {
    const old = places.folder();
    await writeFiles(profileFiles("one"), join(old, "session"));
    await writeFiles(profileFiles("two"), join(old, "session-support"));
    await writeZip(profileFiles("three"), join(old, "RemoteAuth-zipped.zip"));
    await multiFileOf(sampleState(), join(old, "sales"));
    await writeWapi(old);
    writeFileSync(join(old, "notes.txt"), "");
    const before = await folderPrint(old);
    const { code, json, stderr } = await cli([old, "--json"]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const { sessions, left } = json<{ sessions: object[]; left: object[] }>();
    expect(sessions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          form: "local-auth",
          kind: "profile",
          name: "session",
          session: "RemoteAuth",
          unchanged: false,
        }),
        expect.objectContaining({ form: "local-auth", name: "session-support", session: "RemoteAuth-support" }),
        expect.objectContaining({ form: "zips", session: "RemoteAuth-zipped" }),
        expect.objectContaining({ form: "multi-file", kind: "records", name: "sales", session: "Baileys-sales" }),
        expect.objectContaining({ form: "wapi", kind: "records", session: `Baileys-${uuid}` }),
      ]),
    );
    expect({ count: sessions.length, left }).toEqual({
      count: 5,
      left: [{ session: "notes.txt", reason: "no session" }],
    });
    expect(json()).toMatchObject({ store: places.main.address, path: old });
    const store = places.main.store();
    expect(await restored(store, "RemoteAuth-support", places.folder())).toEqual(profileFiles("two"));
    expect(await restored(store, "RemoteAuth-zipped", places.folder())).toEqual(profileFiles("three"));
    for (const session of ["sales", uuid]) {
      expect(await peekAuthState({ store, session })).toMatchObject({ registered: true });
    }
    expect(await folderPrint(old)).toEqual(before);
    const again = await cli([old]);
    expect(again.code).toBe(0);
    expect(again.stdout.match(/was there already/g)).toHaveLength(5);
  });

  it("tells with --dry-run what is there and what would come of each, and writes nothing", async () => {
    const old = places.folder();
    await writeFiles(profileFiles("one"), join(old, "session-a"));
    await writeFiles(
      { ...profileFiles("two"), "Default/Local Storage/leveldb/MANIFEST-000001": Buffer.from("x") },
      join(old, "session-b"),
    );
    await writeFiles(profileFiles("three"), join(old, "session-c"));
    await saveBrowser(places.main.store(), "RemoteAuth-c", [{ value: "another" }]);
    const { code, stdout } = await cli([old, "--dry-run"]);
    expect(code).toBe(5);
    expect(stdout).toMatch(
      /^Would move session-a to RemoteAuth-a \(3 files, .*\)\.\nsession-b: CORRUPT: .*\nWould move session-c to RemoteAuth-c \(.*\)\. RemoteAuth-c \(.*\) is there, another version: it would be refused without `--replace`\.\n$/,
    );
    expect(await places.main.store().state({ session: "RemoteAuth-a" })).toBeUndefined();
    expect((await cli([old, "--dry-run", "--json", "--only", "session-a"])).json()).toMatchObject({
      dryRun: true,
      sessions: [{ name: "session-a", session: "RemoteAuth-a", files: 3, there: null, unchanged: false }],
    });
    const other = await cli([old, "--dry-run", "--json", "--only", "session-c", "--yes"]);
    expect(other.json()).toMatchObject({
      sessions: [{ session: "RemoteAuth-c", unchanged: false, there: { session: "RemoteAuth-c" }, replaces: true }],
    });
  });

  it("goes on after one that cannot be moved", async () => {
    const old = places.folder();
    await writeFiles(profileFiles("one"), join(old, "session-a"));
    mkdirSync(join(old, "broken"));
    writeFileSync(join(old, "broken/pre-key-1.json"), "{}");
    const running = join(old, "session-running");
    await writeFiles(profileFiles("two"), running);
    await saveBrowser(places.main.store(), "RemoteAuth-z", [{ value: "another" }]);
    await writeFiles(profileFiles("three"), join(old, "session-z"));
    const { code, stdout, stderr } = await cli([old]);
    expect(code).toBe(5);
    expect(stdout).toMatch(/broken: CORRUPT: [\s\S]*Moved session-a to RemoteAuth-a[\s\S]*Moved session-running/);
    expect(stdout).toMatch(/session-z: CONFLICT: The target has another version/);
    expect(stderr).toContain("2 of 4 sessions could not be moved");
    expect((await cli([old, "--yes"])).stdout).toMatch(/session-z: CONFLICT: The target has another version/);
    const { code: refused, stderr: hint } = await cli([old, "--only", "session-z"]);
    expect({ refused, hint }).toEqual({ refused: 9, hint: expect.stringContaining("`--replace`") });
    expect(await cli([old, "--only", "session-z", "--replace"])).toMatchObject({ code: 0 });
    expect(await restored(places.main.store(), "RemoteAuth-z", places.folder())).toEqual(profileFiles("three"));
  });

  it("replaces nothing that was saved while the person was asked", async () => {
    const old = places.folder();
    await writeFiles(profileFiles("one"), join(old, "session-a"));
    await saveBrowser(places.main.store(), "RemoteAuth-a", [{ value: "another" }]);
    const answer = async (): Promise<string> => {
      await saveBrowser(places.main.store(), "RemoteAuth-a", [{ value: "meanwhile" }]);
      return "y\n";
    };
    const { code, stdout } = await runCli(["migrate", old, "--store", places.main.address], { columns: 200, answer });
    expect({ code, stdout }).toMatchObject({ code: 9, stdout: expect.stringContaining("CONFLICT") });
    expect(await restored(places.main.store(), "RemoteAuth-a", places.folder())).toEqual(profileFiles("meanwhile"));
  });

  it("replaces the session of another phone only when that is said", async () => {
    const old = places.folder();
    const [anna, bert] = ["5511988887777", "491701234567"];
    await writeFiles(linkedProfileFiles(anna), join(old, "session-a"));
    await saveFiles(places.main.store(), linkedProfileFiles(bert), "RemoteAuth-a");
    expect((await cli([old, "--replace", "--dry-run"])).stdout).toContain(
      "it would be refused without `--other-phone`",
    );
    const refused = await cli([old, "--replace", "--yes"]);
    expect(refused.code).toBe(9);
    expect(refused.stdout).toMatch(/RemoteAuth-a of another phone than that of session-a/);
    expect(refused.stderr).toContain("--other-phone");
    expect(await restored(places.main.store(), "RemoteAuth-a", places.folder())).toEqual(linkedProfileFiles(bert));
    expect(await cli([old, "--replace", "--yes", "--other-phone"])).toMatchObject({ code: 0 });
    expect(await restored(places.main.store(), "RemoteAuth-a", places.folder())).toEqual(linkedProfileFiles(anna));
  });

  it("replaces another state of a Baileys bot with --replace or --yes only, and keeps what was there", async () => {
    const store = places.main.store();
    const [one, two] = [sampleState(), sampleState()];
    const folder = places.folder();
    await multiFileOf(one, join(folder, "one/sales"));
    expect(await cli([join(folder, "one")])).toMatchObject({ code: 0 });
    two.creds.registrationId = (one.creds.registrationId ?? 0) + 1;
    const other = await multiFileOf(two, join(folder, "two/sales"));
    const before = await store.peekRecords({ session: "Baileys-sales" });
    const refused = await cli([other]);
    expect(refused).toMatchObject({ code: 9, stderr: expect.stringContaining("`--replace`") });
    expect((await cli([other, "--dry-run"])).stdout).toContain("it would be refused without `--replace`");
    expect(await store.peekRecords({ session: "Baileys-sales" })).toEqual(before);
    expect(await cli([other, "--replace"])).toMatchObject({ code: 0, stderr: expect.not.stringContaining("[y/N]") });
    const now = await store.peekRecords({ session: "Baileys-sales" });
    expect(now).not.toEqual(before);
    expect(await cli([other])).toMatchObject({ code: 0, stdout: expect.stringContaining("was there already") });
    const { current, generations = [] } = (await store.state({ session: "Baileys-sales" })) ?? {};
    expect(generations.filter(({ id }) => id !== current?.id)).not.toEqual([]);
    expect(await cli([join(folder, "one"), "--yes"])).toMatchObject({ code: 0 });
    expect(await store.peekRecords({ session: "Baileys-sales" })).toEqual(before);
  });

  it("replaces a Baileys bot that no phone has linked yet as any other, and the dry run says so", async () => {
    const store = places.main.store();
    await saveRecords(store, "Baileys-sales", { "pre-key\u00001": "of a device that is not linked" });
    const before = await store.peekRecords({ session: "Baileys-sales" });
    const old = await multiFileOf(sampleState(), join(places.folder(), "sales"));
    expect((await cli([old, "--dry-run"])).stdout).toContain("it would be refused without `--replace`");
    expect(await cli([old])).toMatchObject({ code: 9, stderr: expect.stringContaining("`--replace`") });
    expect(await store.peekRecords({ session: "Baileys-sales" })).toEqual(before);
    expect((await cli([old, "--dry-run", "--replace"])).stdout).toContain("it would be replaced");
    expect(await cli([old, "--replace"])).toMatchObject({ code: 0 });
    expect(await peekAuthState({ store, session: "sales" })).toMatchObject({ registered: true });
    const kept = (await store.state({ session: "Baileys-sales" }))?.generations.at(0)?.generation ?? 0;
    expect(await store.peekRecords({ session: "Baileys-sales", generation: kept })).toEqual(before);
  });

  it("finds a Baileys bot unchanged that the store keeps more of, in a dry run as well", async () => {
    const store = places.main.store();
    const old = await multiFileOf(sampleState(), join(places.folder(), "sales"));
    expect(await cli([old])).toMatchObject({ code: 0 });
    const records = await store.openRecords({ session: "Baileys-sales" });
    await records.set([["messages", records.get("pre-key-mark")]]);
    await records.close();
    const { entry } = (await store.state({ session: "Baileys-sales" })) ?? {};
    expect(await cli([old, "--dry-run"])).toMatchObject({ stdout: expect.stringContaining("is there already") });
    for (const more of [[], ["--replace"]]) {
      expect(await cli([old, ...more])).toMatchObject({ stdout: expect.stringContaining("was there already") });
    }
    expect((await store.state({ session: "Baileys-sales" }))?.entry).toBe(entry);
  });

  it("refuses a profile that a browser of this machine has open", async () => {
    const old = places.folder();
    await writeFiles(profileFiles("one"), join(old, "session-a"));
    const { spawn } = await import("node:child_process");
    const { hostname } = await import("node:os");
    const browser = spawn(process.execPath, [
      "-e",
      "setInterval(()=>{}, 1000)",
      "--",
      `--user-data-dir=${join(old, "session-a")}`,
    ]);
    try {
      symlinkSync(`${hostname()}-${browser.pid}`, join(old, "session-a/SingletonLock"));
      const { code, stdout } = await cli([old]);
      expect({ code, stdout }).toMatchObject({ code: 6, stdout: expect.stringContaining("LEASE_HELD") });
    } finally {
      browser.kill("SIGKILL");
    }
  });

  it("takes one directory of useMultiFileAuthState, under any name", async () => {
    const old = await multiFileOf(sampleState(), join(places.folder(), "auth_info"));
    const { code, stdout } = await cli([old, "--as", "support"]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^Moved auth_info to Baileys-support \(\d+ records\)\.\n$/),
    });
    expect(await peekAuthState({ store: places.main.store(), session: "support" })).toMatchObject({ registered: true });
  });

  it.each([
    ["a directory that is not there", (at: string) => [join(at, "none")], 3, /There is no directory/],
    ["an empty one", (at: string) => [at], 3, /no session of a setup that is known/],
    ["another form than there is", (at: string) => [at, "--form", "zips"], 3, /no session of zips/],
    ["a form that is not known", (at: string) => [at, "--form", "magic"], 2, /Allowed choices/],
    ["a PostgreSQL server", () => ["postgres://127.0.0.1/bots"], 2, /copy --all/],
    ["Redis without a prefix", () => ["redis://127.0.0.1:1/0"], 2, /prefix=wapi/],
    ["wapi in MongoDB without a collection", () => ["mongodb://127.0.0.1/x", "--form", "wapi"], 2, /collection=auth/],
    ["an address with a password", () => ["mongodb://u:secret@h/x"], 2, /WA_VAULT_FROM/],
    ["nothing", () => [], 2, /No old setup is named/],
  ])("of %s is refused", async (_, args, code, message) => {
    const result = await cli(args(places.folder()));
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toContain("secret");
  });

  it("refuses --as for several, and names that are not there", async () => {
    const old = places.folder();
    for (const name of ["session-a", "session-b"]) await writeFiles(profileFiles(name), join(old, name));
    expect(await cli([old, "--as", "x"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--only") });
    expect(await cli([old, "--only", "c"])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("session-a, session-b"),
    });
    expect(await cli([old, "--only", "RemoteAuth-b", "--as", "x"])).toMatchObject({ code: 0 });
    expect(await restored(places.main.store(), "RemoteAuth-x", places.folder())).toEqual(profileFiles("session-b"));
  });
});

/** Saves zips into a published store, one of them as whatsapp-web.js 1.34.5 named it. */
async function fill(
  kind: "wwebjs-mongo" | "wwebjs-aws-s3",
  env: Readonly<Record<string, string>>,
  name: string,
): Promise<void> {
  const store = await openStore({ kind, env, name });
  const folder = places.folder();
  for (const session of ["RemoteAuth-a", join(folder, "RemoteAuth-b"), "RemoteAuth-bad"]) {
    // The published stores read the zip in the working directory, by the name of the session.
    const zip = `${session}.zip`;
    if (session === "RemoteAuth-bad") writeFileSync(zip, "no zip");
    else await writeZip(profileFiles(session), zip);
    try {
      await store.save({ session });
    } finally {
      const { rmSync } = await import("node:fs");
      rmSync(zip);
    }
  }
}

async function movesAll(old: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { code, stdout, stderr } = await cli([old], env);
  expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining("1 of 3") });
  expect(stdout).toMatch(/Moved RemoteAuth-a to RemoteAuth-a/);
  expect(stdout).toMatch(/Moved \/?\S*RemoteAuth-b to RemoteAuth-b/);
  expect(stdout).toMatch(/RemoteAuth-bad: CORRUPT: /);
  const store = places.main.store();
  expect(await restored(store, "RemoteAuth-a", places.folder())).toEqual(profileFiles("RemoteAuth-a"));
  expect((await cli([old], env)).stdout.match(/was there already/g)).toHaveLength(2);
}

await suiteWith("wa-vault migrate of wwebjs-mongo", shared(startMongo), ({ env: { MONGODB_URI = "" } }) => {
  it("moves all sessions, one that is damaged stopping no other", async () => {
    const uri = new URL(MONGODB_URI);
    uri.pathname = `/old${unique()}`;
    await fill("wwebjs-mongo", { MONGODB_URI: uri.href }, "old");
    await movesAll(uri.href, {});
  });
});

await suiteWith("wa-vault migrate of wwebjs-aws-s3", shared(startS3), ({ env }) => {
  const { S3_ENDPOINT = "", AWS_REGION = "" } = env;
  useCredentials(env);
  it("moves all sessions, one that is damaged stopping no other", async () => {
    const name = `old${unique()}`;
    await fill("wwebjs-aws-s3", env, name);
    await movesAll(`s3://${name}/sessions?endpoint=${encodeURIComponent(S3_ENDPOINT)}&region=${AWS_REGION}`, {});
  });
});

await suiteWith("wa-vault migrate of wapi in Redis", shared(startRedis), ({ env: { REDIS_URL = "" } }) => {
  it("moves its sessions", async () => {
    const { Redis } = await import("ioredis");
    const client = new Redis(REDIS_URL);
    const prefix = `old${unique()}`;
    await fillWapi(client, prefix);
    client.disconnect();
    const { code, stdout } = await cli([`${REDIS_URL}?prefix=${prefix}`]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^Moved ${uuid} to Baileys-${uuid} \\(\\d+ records\\)\\.\\n$`)),
    });
  });
});
