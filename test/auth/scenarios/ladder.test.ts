// The rows of docs/recovery.md: what WhatsApp refuses, and what is opened next.
import { once } from "node:events";
import { access, cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { readMarker } from "../../../lib/auth/local/marker.ts";
import { RemoteAuth, type RemoteAuthOptions } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { keyIdOf, testKey } from "../../support/keys.ts";
import { useOwnDirectory } from "../../support/own-directory.ts";
import { kept, NotedStore, nameOf, PHONE, type Stored, session, storeGenerations } from "../support/ladder.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { type Page, ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

useOwnDirectory();

let dataPath: string;
let dir: string;
let blobs: MemoryBlobs;
let notes: string[];
let store: NotedStore;
let warned: string[];

const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
  dir = join(dataPath, session);
  blobs = new MemoryBlobs();
  notes = [];
  warned = [];
  store = new NotedStore(blobs, notes);
});

/** The generations of a session, in order; the notes begin after them. */
async function stored(...generations: readonly Stored[]): Promise<Record<string, number>> {
  const numbers = await storeGenerations(store, generations);
  notes.length = 0;
  return numbers;
}

interface Bot {
  readonly client: ScriptedClient;
  readonly strategy: RemoteAuth;
  /** Starts; whatever it opens, and what a person sees of it, is noted. */
  start(...pages: Page[]): Promise<void>;
}

class ProcessExit extends Error {}

/** A new process. @param exits whether its bot ends the process on `auth_failure` */
function bot(options: Partial<RemoteAuthOptions> = {}, { exits = false } = {}): Bot {
  const onWarning = (message: string): void => void warned.push(message);
  const common = { store, dataPath, backupSyncIntervalMs: 60_000, closeOnSignals: false, onWarning };
  const strategy = new RemoteAuth({ ...common, ...options });
  const client = new ScriptedClient(strategy);
  client.on("auth_failure", (message: string) => {
    notes.push(`auth_failure: ${/: (.*)\.$/.exec(message)?.[1]}`);
    if (exits) throw new ProcessExit();
  });
  client.on("remote_session_restored", ({ generation }) => notes.push(`restored ${generation}`));
  client.on("remote_session_error", ({ code }) => notes.push(`error ${code}`));
  for (const name of ["qr", "ready", "remote_session_saved"]) client.on(name, () => notes.push(name));
  const launch = async (): Promise<ScriptedBrowser> => {
    notes.push(`open ${await nameOf(dir)}`);
    return new ScriptedBrowser();
  };
  return {
    client,
    strategy,
    async start(...pages) {
      notes.length = 0;
      await client.initialize(pages, launch).catch((error: unknown) => {
        if (!(error instanceof ProcessExit)) throw error;
        // Its browser ends with it.
        client.pupBrowser = null;
      });
    },
  };
}

/** What the run has recorded at READY is in the store. */
async function recorded(change: string): Promise<void> {
  await expect.poll(() => notes, { timeout: 240_000 }).toContain(change);
}

async function state() {
  return await store.state({ session });
}

/** The local profile is a copy of what is stored, with writes of its own since. */
async function withLocalCopy(): Promise<void> {
  const { client, strategy } = bot();
  await strategy.beforeBrowserInitialized();
  await writeFiles(linkedProfile("local"), dir);
  await client.destroy();
}

const refusedLocal = (next: string): string[] => ["open local", "error DENIED", `auth_failure: ${next} is opened next`];

describe("a session that WhatsApp refuses", () => {
  it("local copy refused: the current generation is restored, and nothing stored changes", async () => {
    const { current } = await stored({ name: "older" }, { name: "current" });
    await withLocalCopy();
    const before = await state();
    const { start, client } = bot();
    await start("qr", "linked");
    expect(notes.slice(0, 6)).toEqual([
      ...refusedLocal(`generation ${current}`),
      `restored ${current}`,
      "open current",
      "ready",
    ]);
    expect(kept(await state())).toEqual(kept(before));
    expect((await state())?.generations.some(({ rejected }) => rejected)).toBe(false);
    expect(await readMarker(dir)).toMatchObject({ isSuperseded: false, history: [{ generation: current }] });
    expect(client.errors[0]).toMatchObject({
      message: expect.stringContaining(`opened from its local profile: generation ${current} is opened next`),
      hint: expect.stringContaining("starts again by itself"),
    });
    await client.destroy();
  });

  it("local copy, then the current generation refused: rejected before `auth_failure`, rolled back after READY", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    await withLocalCopy();
    const { start, client } = bot();
    await start("qr", "qr", "linked");
    await recorded(`rollback ${older}`);
    expect(notes).toEqual([
      ...refusedLocal(`generation ${current}`),
      `restored ${current}`,
      "open current",
      `rejected ${current}`,
      "error DENIED",
      `auth_failure: the older generation ${older} is opened next`,
      `restored ${older}`,
      "open older",
      "ready",
      `rollback ${older}`,
    ]);
    expect(warned).toEqual([
      `WhatsApp has refused generation ${current} of RemoteAuth: the older generation ${older} is opened.`,
      `The session RemoteAuth is ready: its generation ${older} is the current one again.`,
    ]);
    expect(kept(await state())).toEqual({ current: older, generations: [older, current] });
    // The next start keeps the local profile, which descends from what is current now.
    await client.destroy();
    const next = bot();
    await next.start("linked");
    expect(notes.filter((note) => note.startsWith("open") || note.startsWith("restored"))).toEqual(["open older"]);
    await next.client.destroy();
  });

  it("every generation of the ladder refused: a QR once, without a restart, and only marks are stored", async () => {
    const { older, current } = await stored({ name: "oldest" }, { name: "older" }, { name: "current" });
    const before = kept(await state());
    const { start, client } = bot();
    await start("qr", "qr");
    expect(notes).toEqual([
      `restored ${current}`,
      "open current",
      `rejected ${current}`,
      "error DENIED",
      `auth_failure: the older generation ${older} is opened next`,
      `restored ${older}`,
      "open older",
      `rejected ${older}`,
      "error DENIED",
      "qr",
    ]);
    expect(client.errors.at(-1)).toMatchObject({
      message: `WhatsApp did not accept the session RemoteAuth, opened from generation ${older}: it asks to link again.`,
      hint: expect.stringContaining("kept until a new link is ready"),
    });
    expect(kept(await state())).toEqual(before);
    await client.destroy();
    expect(kept(await state())).toEqual(before);
    // Each later start opens the current one once more, in case WhatsApp accepts it, and shows the QR at once.
    for (let start = 0; start < 2; start++) {
      const next = bot();
      await next.start("qr");
      expect(notes).toEqual([`restored ${current}`, "open current", "error DENIED", "qr"]);
      await next.client.destroy();
    }
    expect(warned.at(-1)).toBe(
      `WhatsApp has refused generation ${current} of RemoteAuth, and there is no older one to open: it is opened once more.`,
    );
    const accepted = bot();
    await accepted.start("linked");
    await recorded(`proven ${current}`);
    expect((await state())?.current).toMatchObject({ generation: current, rejected: false });
    await accepted.client.destroy();
  });

  it.each([
    ["the same phone", PHONE],
    ["another phone", "15559999999@c.us"],
  ])("a new link of %s after the QR is saved, and what was refused last stays", async (_, wid) => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    const { start, client, strategy } = bot();
    await start("qr", "qr");
    await rm(join(dir, "Default"), { recursive: true });
    await writeFiles(linkedProfile("anew", 2), dir);
    client.info.wid._serialized = wid;
    await client.ready();
    const { generation } = await strategy.backup();
    expect(notes).not.toContain(`rollback ${older}`);
    expect(kept(await state())).toEqual({ current: generation, generations: [current, generation] });
    expect((await state())?.generations.map(({ rejected }) => rejected)).toEqual([true, false]);
    await client.destroy();
    const next = bot();
    await next.start("linked");
    expect(notes).toContain("open anew");
    await recorded(`proven ${generation}`);
    await next.client.destroy();
  });

  it("a bot that ends its process on `auth_failure` goes one step further at each start", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    await withLocalCopy();
    const opened: string[] = [];
    const bots: Bot[] = [];
    for (const pages of [["qr"], ["qr"], ["qr"], ["qr"]] as const) {
      const next = bot({}, { exits: true });
      bots.push(next);
      await next.start(...pages);
      // It has released the session before.
      expect(store.held).toBe(notes.includes("qr") ? 1 : 0);
      opened.push(...notes.filter((note) => /^(open|qr|rejected)/.test(note)));
      if (notes.includes("qr")) await next.client.destroy();
    }
    expect(opened).toEqual([
      "open local",
      "open current",
      `rejected ${current}`,
      "open older",
      `rejected ${older}`,
      "qr",
      "open current",
      "qr",
    ]);
    for (const { client } of bots) await client.destroy();
  });

  it.each([
    [0, ["open current", "qr"]],
    [1, ["open current", "open c", "qr"]],
    [2, ["open current", "open c", "open b", "qr"]],
    [7, ["open current", "open c", "open b", "open a", "qr"]],
  ])("with `rollbackOnAuthFailure: %i` opens %j", async (rollbackOnAuthFailure, expected) => {
    await stored({ name: "a" }, { name: "b" }, { name: "c" }, { name: "current" });
    const { start, client } = bot({ rollbackOnAuthFailure });
    await start("qr", "qr", "qr", "qr");
    expect(notes.filter((note) => /^(open|qr)/.test(note))).toEqual(expected);
    await client.destroy();
    // The limit counts what earlier processes have tried.
    const next = bot({ rollbackOnAuthFailure });
    await next.start("qr");
    expect(notes.filter((note) => /^(open|qr)/.test(note))).toEqual(["open current", "qr"]);
    await next.client.destroy();
  });

  it("an older generation is opened only of the same phone, proven, not rejected and not before a deletion", async () => {
    const other = "15559999999@c.us";
    await stored({ name: "deleted" });
    await store.delete({ session });
    const { older } = await stored(
      { name: "older" },
      { name: "rejected", isRejected: true },
      { name: "unproven", isProven: false },
      { name: "of another phone", wid: other },
      { name: "current" },
    );
    const { start, client } = bot({ rollbackOnAuthFailure: 9 });
    await start("qr", "qr");
    expect(notes.filter((note) => /^(open|qr)/.test(note))).toEqual(["open current", "open older", "qr"]);
    expect(notes).toContain(`rejected ${older}`);
    await client.destroy();
  });

  it("a generation of another phone is current and refused: a QR, and the first phone's generation stays", async () => {
    const { mine } = await stored({ name: "mine" }, { name: "other", wid: "15559999999@c.us" });
    const { start, client } = bot();
    await start("qr");
    expect(notes).toContain("qr");
    expect(kept(await state()).generations).toContain(mine);
    await client.destroy();
  });

  it("refused, rolled back and saved since: the old rejection takes no step of the next ladder", async () => {
    const { older } = await stored({ name: "older" }, { name: "current" });
    const first = bot();
    await first.start("qr", "linked");
    await recorded(`rollback ${older}`);
    await writeFiles(linkedProfile("saved later"), dir);
    const { generation } = await first.strategy.backup();
    await first.client.destroy();
    await rm(dir, { recursive: true });
    const second = bot();
    await second.start("qr", "linked");
    expect(notes.filter((note) => /^(open|qr|rejected)/.test(note))).toEqual([
      "open saved later",
      `rejected ${generation}`,
      "open older",
    ]);
    await second.client.destroy();
  });
});

describe("a refusal that cannot be recorded", () => {
  it("the store is away: no QR, the start throws, and the next start that reaches the store goes on", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    const before = await state();
    store.failing.add("rejected");
    const { start, client } = bot();
    await expect(start("qr")).rejects.toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("away") });
    expect(notes).toEqual([
      `restored ${current}`,
      "open current",
      "error UNAVAILABLE",
      "error DENIED",
      `auth_failure: the older generation ${older} is opened next`,
    ]);
    // Neither does a further start of the same process show a QR or stop at the same generation.
    await expect(start("qr")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(notes).toEqual([]);
    expect(store.held).toBe(0);
    expect({ ...(await state()), entry: 0, epoch: 0 }).toEqual({ ...before, entry: 0, epoch: 0 });
    store.failing.clear();
    await start("linked");
    await recorded(`rollback ${older}`);
    expect(notes).toEqual([`rejected ${current}`, `restored ${older}`, "open older", "ready", `rollback ${older}`]);
    await client.destroy();
  });

  it("the store is away, and the bot ends its process: the next process repeats that step only", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    store.failing.add("rejected");
    const first = bot({}, { exits: true });
    await first.start("qr");
    expect(notes).not.toContain("qr");
    store.failing.clear();
    const second = bot();
    await second.start("qr", "linked");
    expect(notes.filter((note) => /^(open|rejected)/.test(note))).toEqual([
      "open current",
      `rejected ${current}`,
      "open older",
    ]);
    await recorded(`rollback ${older}`);
    for (const { client } of [first, second]) await client.destroy();
  });

  it("at the end of the ladder: the QR is shown all the same, and nothing stored changes", async () => {
    await stored({ name: "current" });
    store.failing.add("rejected");
    const before = kept(await state());
    const { start, client } = bot();
    await start("qr");
    expect(notes.slice(-3)).toEqual(["error UNAVAILABLE", "error DENIED", "qr"]);
    await client.destroy();
    expect(kept(await state())).toEqual(before);
  });

  it("the marker cannot be written: the local profile is not chosen again all the same", async () => {
    const { current } = await stored({ name: "current" });
    await withLocalCopy();
    const { start, client, strategy } = bot();
    const browser = async (): Promise<ScriptedBrowser> => {
      // Neither a new marker nor the removal of the old one reaches a directory that is gone.
      await cp(dir, `${dir}.aside`, { recursive: true });
      await rm(dir, { recursive: true });
      await writeFile(dir, "not a directory");
      return new ScriptedBrowser();
    };
    await strategy.beforeBrowserInitialized();
    client.pupBrowser = await browser();
    await strategy.afterBrowserInitialized();
    expect(await strategy.onAuthenticationNeeded()).toMatchObject({ failed: true, restart: true });
    await client.destroy();
    await rm(dir);
    await cp(`${dir}.aside`, dir, { recursive: true });
    expect(await readMarker(dir)).toMatchObject({ isSuperseded: false });
    await start("linked");
    expect(notes.slice(0, 2)).toEqual([`restored ${current}`, "open current"]);
    await client.destroy();
  });
});

describe("an older generation that is ready", () => {
  it("is rolled back to before the first save, and a save after it has its own generation", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    const { start, client, strategy } = bot();
    await start("qr", "linked");
    await recorded(`rollback ${older}`);
    await writeFiles(linkedProfile("saved later"), dir);
    const { generation } = await strategy.backup();
    expect(kept(await state())).toEqual({ current: generation, generations: [older, current, generation] });
    await client.destroy();
  });

  it("whose rollback fails is reported; the next save is the current generation", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    store.failing.add("rollback");
    const { start, client, strategy } = bot();
    await start("qr", "linked");
    await recorded("error UNAVAILABLE");
    expect(kept(await state())).toEqual({ current, generations: [older, current] });
    await writeFiles(linkedProfile("saved later"), dir);
    const { generation } = await strategy.backup();
    expect(kept(await state())).toEqual({ current: generation, generations: [older, current, generation] });
    await client.destroy();
  });

  it("and dies before the rollback: the next start keeps its profile, and rolls back then", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    store.failing.add("rollback").add("save");
    const first = bot({ finalSaveTimeoutMs: 1 });
    await first.start("qr", "linked");
    await recorded("error UNAVAILABLE");
    await writeFiles(linkedProfile("used since"), dir);
    await first.client.destroy();
    expect((await state())?.current?.generation).toBe(current);
    store.failing.clear();
    const second = bot();
    await second.start("linked");
    await recorded(`rollback ${older}`);
    expect(notes).toEqual(["open used since", "ready", `rollback ${older}`]);
    await second.client.destroy();
  });
});

describe("a generation that cannot be opened", () => {
  /** Damages the log entry of a generation. */
  async function damage(generation: number): Promise<void> {
    const keys: string[] = [];
    for await (const { key } of blobs.list(`${session}/log/`)) keys.push(key);
    const key = keys.find((one) => Number(one.split("/").at(-1)) === generation) ?? "";
    await blobs.put(key, Buffer.from("damaged"));
  }

  it("older and damaged: the one before it is opened", async () => {
    const { older } = await stored({ name: "oldest" }, { name: "older" }, { name: "current" });
    await damage(older ?? 0);
    const { start, client } = bot({ rollbackOnAuthFailure: 2 });
    await start("qr", "linked");
    expect(notes.filter((note) => note.startsWith("open"))).toEqual(["open current", "open oldest"]);
    expect(warned.join("\n")).toContain(`Generation ${older} of RemoteAuth is damaged, and is not opened`);
    await client.destroy();
  });

  it("no older one is whole: the current one once more, then a QR", async () => {
    const { older } = await stored({ name: "older" }, { name: "current" });
    await damage(older ?? 0);
    const { start, client } = bot();
    await start("qr", "qr");
    expect(notes.filter((note) => /^(open|qr)/.test(note))).toEqual(["open current", "open current", "qr"]);
    await client.destroy();
  });

  it("current and damaged, and the older one that replaces it is refused: a QR", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    await damage(current ?? 0);
    const { start, client } = bot();
    await start("qr");
    expect(notes).toEqual([`restored ${older}`, "open older", `rejected ${older}`, "error DENIED", "qr"]);
    await client.destroy();
    // The next start has nothing left that is whole and was not refused: a person decides.
    const next = bot();
    await expect(next.start("qr")).rejects.toMatchObject({
      code: "CORRUPT",
      hint: expect.stringContaining("by number"),
    });
    await next.client.destroy();
  });
});

describe("a generation whose key is missing", () => {
  /** Stores a generation of each name, in order, with the key of the number; then only key 2 is given. */
  async function storedWithKeys(generations: Record<string, number>): Promise<Record<string, number>> {
    const numbers: Record<string, number> = {};
    for (const [name, key] of Object.entries(generations)) {
      giveKeys(key, 3 - key);
      Object.assign(numbers, await stored({ name }));
    }
    giveKeys(2);
    return numbers;
  }

  function giveKeys(...numbers: number[]): void {
    store = new NotedStore(blobs, notes, { keys: numbers.map(testKey) });
  }

  it("older: it is skipped with a warning that names its key, and the one before it is opened", async () => {
    const { oldest, older, current } = await storedWithKeys({ oldest: 2, older: 1, current: 2 });
    const { start, client } = bot();
    await start("qr", "linked");
    await recorded(`rollback ${oldest}`);
    expect(notes).toEqual([
      `restored ${current}`,
      "open current",
      `rejected ${current}`,
      "error DENIED",
      `auth_failure: the older generation ${older} is opened next`,
      `restored ${oldest}`,
      "open oldest",
      "ready",
      `rollback ${oldest}`,
    ]);
    expect(warned[1]).toMatch(
      new RegExp(
        `^Generation ${older} of RemoteAuth is not opened, because its key is missing: .* key ${keyIdOf(testKey(1))}, .*\\bencryption\\.keys\\b`,
      ),
    );
    await client.destroy();
  });

  it("older, and no other one can be opened: each start throws WRONG_KEY and shows no QR", async () => {
    const { older } = await storedWithKeys({ older: 1, current: 2 });
    const { start, client } = bot();
    const missing = { code: "WRONG_KEY", message: expect.stringContaining(keyIdOf(testKey(1))) };
    await expect(start("qr")).rejects.toMatchObject(missing);
    expect(notes.at(-1)).toBe(`auth_failure: the older generation ${older} is opened next`);
    const again = bot();
    await expect(again.start("qr")).rejects.toMatchObject(missing);
    expect(notes).toEqual([]);
    expect(store.held).toBe(0);
    giveKeys(2, 1);
    const withKey = bot();
    await withKey.start("linked");
    await recorded(`rollback ${older}`);
    for (const one of [client, again.client, withKey.client]) await one.destroy();
  });

  it("older, and the other ones are refused: no QR as long as there are steps left", async () => {
    await storedWithKeys({ oldest: 2, older: 1, current: 2 });
    const patient = bot({ rollbackOnAuthFailure: 2 });
    await expect(patient.start("qr", "qr")).rejects.toMatchObject({ code: "WRONG_KEY" });
    expect(notes.filter((note) => /^(open|qr)/.test(note))).toEqual(["open current", "open oldest"]);
    await expect(patient.start("qr")).rejects.toMatchObject({ code: "WRONG_KEY" });
    const { start, client } = bot();
    await start("qr");
    expect(notes.filter((note) => /^(open|qr)/.test(note))).toEqual(["open current", "qr"]);
    for (const one of [patient.client, client]) await one.destroy();
  });

  it("older, with `rollbackOnAuthFailure: 0`: a QR", async () => {
    await storedWithKeys({ older: 1, current: 2 });
    const { start, client } = bot({ rollbackOnAuthFailure: 0 });
    await start("qr");
    expect(notes.at(-1)).toBe("qr");
    await client.destroy();
  });

  it("current: the start throws WRONG_KEY, although an older one could be opened", async () => {
    await storedWithKeys({ older: 2, current: 1 });
    const { start, client } = bot();
    await expect(start("qr")).rejects.toMatchObject({ code: "WRONG_KEY" });
    expect(notes).toEqual([]);
    await client.destroy();
  });
});

describe("a local profile that is refused", () => {
  it("and ahead of a store that went back: the current generation is restored, and the profile is set aside", async () => {
    const { current } = await stored({ name: "current" });
    const backup: [string, Buffer][] = [];
    for await (const { key } of blobs.list(`${session}/`)) backup.push([key, (await blobs.get(key)) as Buffer]);
    const first = bot();
    await first.start("linked");
    await writeFiles(linkedProfile("ahead"), dir);
    await first.strategy.backup();
    await first.client.destroy();
    const newer: string[] = [];
    for await (const { key } of blobs.list(`${session}/`)) newer.push(key);
    await blobs.delete(newer);
    for (const [key, bytes] of backup) await blobs.put(key, bytes);
    store = new NotedStore(blobs, notes);
    const second = bot();
    await second.start("qr", "linked");
    expect(notes.slice(0, 5)).toEqual([
      "open ahead",
      "error DENIED",
      `auth_failure: generation ${current} is opened next`,
      `restored ${current}`,
      "open current",
    ]);
    expect(await nameOf(`${dir}.unsaved`)).toBe("ahead");
    await second.client.destroy();
    expect(await nameOf(`${dir}.unsaved`)).toBe("ahead");
  });

  it("and was never stored: a QR at once, and the profile stays", async () => {
    await writeFiles(linkedProfile("only copy"), dir);
    for (let start = 0; start < 2; start++) {
      const { start, client } = bot();
      await start("qr");
      expect(notes).toEqual(["open only copy", "error DENIED", "qr"]);
      await client.destroy();
    }
    expect((await state())?.current).toBeUndefined();
  });

  it("of a generation that another machine has marked: it is tried, then the older generation", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    await withLocalCopy();
    const lease = await store.acquire({ session });
    await store.mark({ session, lease, generation: current ?? 0, as: "rejected" });
    await lease.release();
    const { start, client } = bot();
    await start("qr", "linked");
    expect(notes.filter((note) => /^(open|auth)/.test(note))).toEqual([
      "open local",
      `auth_failure: generation ${older} is opened next`,
      "open older",
    ]);
    await client.destroy();
  });
});

describe("a page that was ready in this run and asks for a link", () => {
  it("shows the QR in the same browser: nothing is marked, nothing starts again", async () => {
    const { current } = await stored({ name: "older" }, { name: "current" });
    const { start, client, strategy } = bot();
    await start("linked");
    expect(await strategy.onAuthenticationNeeded()).toMatchObject({ failed: false, restart: false });
    expect((await state())?.current).toMatchObject({ generation: current, rejected: false });
    expect(client.errors).toMatchObject([{ message: expect.stringContaining("it asks to link again") }]);
    await client.destroy();
  });
});

describe("a page that asks for a link twice at once", () => {
  /** Starts a browser whose page has not asked yet. */
  async function opened({ client, strategy }: Bot): Promise<void> {
    await strategy.beforeBrowserInitialized();
    client.pupBrowser = new ScriptedBrowser();
    await strategy.afterBrowserInitialized();
    notes.length = 0;
  }

  it("the refusal is recorded once, and only the first call starts the client again", async () => {
    const { current } = await stored({ name: "older" }, { name: "current" });
    const one = bot();
    await opened(one);
    let others = 0;
    const ask = () => one.strategy.onAuthenticationNeeded();
    const first = ask();
    const count = (): void => {
      others += 1;
    };
    ask().then(count, count);
    expect(await first).toMatchObject({ failed: true, restart: true });
    // Until the browser is closed.
    ask().then(count, count);
    await one.client.destroy();
    expect(notes).toEqual([`rejected ${current}`, "error DENIED"]);
    expect(others).toBe(0);
  });

  it("every call shows the QR when there is nothing else to open", async () => {
    const { current } = await stored({ name: "current" });
    const one = bot();
    await opened(one);
    const ask = () => one.strategy.onAuthenticationNeeded();
    expect(await Promise.all([ask(), ask()])).toMatchObject([{ failed: false }, { failed: false }]);
    expect(await ask()).toMatchObject({ failed: false });
    expect(notes).toEqual([`rejected ${current}`, "error DENIED"]);
    await one.client.destroy();
  });
});

describe("an `auth_failure` handler that starts the client as well", () => {
  it.each<[string, (client: ScriptedClient) => Promise<void>]>([
    ["at once", async () => {}],
    ["after destroy()", (client) => client.destroy()],
    ["once whatsapp-web.js has called destroy()", (client) => once(client, "destroyed").then(() => {})],
  ])("%s: there is one start, and both calls wait for it", async (_, before) => {
    const { older } = await stored({ name: "older" }, { name: "current" });
    const { client, strategy } = bot();
    const destroy = strategy.destroy.bind(strategy);
    strategy.destroy = async () => {
      await destroy();
      client.emit("destroyed");
    };
    const browsers: ScriptedBrowser[] = [];
    const launch = async (): Promise<ScriptedBrowser> => {
      const browser = new ScriptedBrowser();
      browsers.push(browser);
      return browser;
    };
    let byUser: Promise<void> | undefined;
    client.on("auth_failure", () => {
      byUser = before(client).then(() => client.initialize("linked", launch));
    });
    await client.initialize(["qr", "linked"], launch);
    await byUser;
    await recorded(`rollback ${older}`);
    expect(browsers.map((browser) => browser.isConnected())).toEqual([false, true]);
    expect(notes.filter((note) => note === "ready")).toEqual(["ready"]);
    await strategy.backup();
    await client.destroy();
  });
});

describe("a store that can do less", () => {
  /** A vault of which only whatsapp-web.js's four methods are known. */
  function fourMethods(): SessionStore {
    return {
      sessionExists: (options) => store.sessionExists(options),
      save: (options) => store.save(options),
      extract: (options) => store.extract(options),
      delete: (options) => store.delete(options),
    };
  }

  it.each<[string, () => Partial<RemoteAuthOptions>]>([
    ["four methods", () => ({ store: fourMethods() })],
    ['`archive: "zip"`', () => ({ archive: "zip" })],
  ])("%s: the local profile, the stored one, then a QR; nothing is marked", async (_, options) => {
    await stored({ name: "older" }, { name: "current" });
    const first = bot(options());
    await first.strategy.beforeBrowserInitialized();
    await writeFiles(linkedProfile("local"), dir);
    await first.client.destroy();
    const before = await state();
    const second = bot(options());
    await second.start("qr", "qr");
    expect(notes).toEqual([
      "open local",
      "error DENIED",
      "auth_failure: the stored session is opened next",
      "restored 0",
      "open current",
      "error DENIED",
      "qr",
    ]);
    await second.client.destroy();
    const third = bot(options());
    await third.start("qr");
    expect(notes).toEqual(["restored 0", "open current", "error DENIED", "qr"]);
    await third.client.destroy();
    expect(await state()).toEqual(before);
  });

  it("that tells nothing of phones and has no marks: the local profile, the current one, then a QR", async () => {
    const { current } = await stored({ name: "older" }, { name: "current" });
    const { state: whole } = store;
    store.state = async (options) => {
      const known = await whole.call(store, options);
      const without = <T extends { pairing?: string }>({ pairing: _, ...generation }: T) => generation;
      if (known?.current === undefined) return known;
      return { ...known, current: without(known.current), generations: known.generations.map(without) };
    };
    Object.assign(store, { mark: undefined });
    const { start, client } = bot();
    await start("qr");
    expect(notes).toEqual([`restored ${current}`, "open current", "error DENIED", "qr"]);
    await client.destroy();
  });
});

describe("a store of another author", () => {
  it.each(["mark", "rollback"])("that has phones and no `%s`: the current generation, then a QR", async (method) => {
    const { current } = await stored({ name: "older" }, { name: "current" });
    Object.assign(store, { [method]: undefined });
    const { start, client } = bot();
    await start("qr");
    expect(notes.filter((note) => note !== `rejected ${current}`)).toEqual([
      `restored ${current}`,
      "open current",
      "error DENIED",
      "qr",
    ]);
    await client.destroy();
  });

  it("that forgets its marks: the QR is shown when the same generation is refused again", async () => {
    const { older, current } = await stored({ name: "older" }, { name: "current" });
    Object.assign(store, { mark: async () => {} });
    store.failing.add("save");
    const { start, client } = bot();
    const refused = [`restored ${current}`, "open current", "error DENIED"];
    const goesOn = `auth_failure: the older generation ${older} is opened next`;
    await start("qr", "qr");
    expect(notes).toEqual([...refused, goesOn, ...refused, "qr"]);
    await client.destroy();
    // A session that was ready has its steps again.
    await start("linked");
    await client.destroy();
    await rm(dir, { recursive: true });
    await start("qr", "qr");
    expect(notes.slice(0, 4)).toEqual([...refused, goesOn]);
    await client.destroy();
  });
});

it("a first link that was stored without credentials is marked as rejected, and a QR is shown", async () => {
  const { current } = await stored({ name: "current", isProven: false, wid: PHONE });
  const { start, client } = bot();
  await start("qr");
  expect(notes).toEqual([`restored ${current}`, "open current", `rejected ${current}`, "error DENIED", "qr"]);
  await client.destroy();
  await access(dir);
});
