import { Channel, channel, tracingChannel } from "node:diagnostics_channel";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { MemoryStore } from "../../adapters/memory.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { channels, tell } from "../../lib/diagnostics/channels.ts";
import type { BlobEvent } from "../../lib/diagnostics/events.ts";
import { onVaultEvent } from "../../lib/diagnostics/on-vault-event.ts";
import { tellRestore } from "../../lib/diagnostics/reports.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { outage, Requests } from "../vault/support/requests.ts";
import { EVENTS, listen, on } from "./support/listen.ts";

const session = "RemoteAuth-bot";
const folder = useFolder();

afterEach(() => {
  vi.restoreAllMocks();
});

function fail(error: unknown): never {
  throw error;
}

/** A life of a session: everything that is told of, but for errors. */
async function live(store: Vault): Promise<void> {
  const lease = await store.acquire({ session });
  const capture = captureOf(profileFiles("one"));
  const { generation } = await store.saveProfile({ session, lease, capture });
  await store.saveProfile({ session, lease, capture });
  await store.mark({ session, lease, generation, as: "proven" });
  await store.restoreProfile({ session, into: join(folder(), "into") });
  await store.delete({ session, lease });
  await store.undelete({ session, lease });
  await store.prune({ session, lease });
  await lease.release();
}

describe("without subscribers", () => {
  it("no message is made and nothing is published", async () => {
    const publish = vi.spyOn(Channel.prototype, "publish");
    await live(new FileStore({ directory: folder() }));
    const make = vi.fn();
    for (const name of Object.keys(channels) as (keyof typeof channels)[]) tell(name, make);
    expect(make).not.toHaveBeenCalled();
    expect(publish.mock.contexts.filter((one) => (one as Channel).name.toString().includes("wa-vault"))).toEqual([]);
  });

  it("of a channel no message of that channel is made", async () => {
    on("wa-vault:lease", () => {});
    const make = vi.fn();
    tell("save", make);
    expect(make).not.toHaveBeenCalled();
  });
});

describe("channels", () => {
  it("have the names that are documented", () => {
    expect(Object.values(channels).map(({ name }) => name)).toEqual(EVENTS);
    expect(channel("wa-vault:save")).toBe(channels.save);
  });
});

describe("a subscriber", () => {
  it.each<[string, () => unknown, RegExp]>([
    ["throws", () => fail(new TypeError("token=123456")), /TypeError/],
    ["throws what is no error", () => fail("token=123456"), /string/],
    ["throws nothing", () => fail(undefined), /undefined/],
    ["rejects", async () => fail(new RangeError("token=123456")), /RangeError/],
  ])("that %s ends no process and breaks no call: it is a warning, once", async (_, listener, kind) => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const uncaught = vi.fn();
    process.on("uncaughtExceptionMonitor", uncaught);
    onTestFinished(() => void process.removeListener("uncaughtExceptionMonitor", uncaught));
    on("wa-vault:save", listener);
    const told = listen(["wa-vault:save"]);
    const store = new MemoryStore();
    const lease = await store.acquire({ session });
    for (const name of ["one", "two"]) {
      const report = await store.saveProfile({ session, lease, capture: captureOf(profileFiles(name)) });
      expect(report.unchanged).toBe(false);
    }
    // Node tells of uncaught exceptions at the next tick, and of rejections that nobody handles after it.
    await setImmediate();
    expect(told.length).toBe(2);
    expect(uncaught).not.toHaveBeenCalled();
    expect(warned).toHaveBeenCalledTimes(1);
    const [message, options] = warned.mock.calls[0] ?? [];
    expect(message).toMatch(/^A listener of wa-vault:save has failed \(/);
    expect(message).toMatch(kind);
    expect(options).toMatchObject({ type: "WaVaultWarning" });
    expect(JSON.stringify([message, options])).not.toContain("123456");
    await lease.release();
  });

  it("that fails in another way is told again, with the place", () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const failures = [new TypeError("a\nb"), new RangeError("c"), new Error("")];
    on("wa-vault:prune", () => fail(failures.shift()));
    const message = { session, store: "memory", complete: true, chunks: 0, entries: 0, ms: 0 };
    for (let times = 0; times < 3; times++) tell("prune", () => message);
    const details = warned.mock.calls.map(([, options]) => (options as { detail?: string }).detail);
    expect(details).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^ {4}at .*subscribers\.test\.ts/)));
  });

  it("that has ended hears nothing more, and a channel of another name is refused", () => {
    const heard = vi.fn();
    const end = onVaultEvent("wa-vault:prune", heard);
    const message = { session, store: "memory", complete: true, chunks: 0, entries: 0, ms: 0 };
    tell("prune", () => message);
    end();
    end();
    tell("prune", () => message);
    expect(heard.mock.calls).toEqual([[message]]);
    expect(() => onVaultEvent("wa-vault:saved" as "wa-vault:save", heard)).toThrow(
      "`name` to be one of wa-vault:save,",
    );
  });

  it("that changes a message changes nothing for the caller", async () => {
    on("wa-vault:save", (message) => Object.assign(message, { generation: -1, unchanged: true }));
    const store = new MemoryStore();
    const lease = await store.acquire({ session });
    const report = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    expect(report).toMatchObject({ unchanged: false });
    expect(report.generation).toBeGreaterThan(0);
  });

  it("that changes the list of skipped generations changes nothing for the caller", async () => {
    on("wa-vault:restore", ({ skipped }) => (skipped as unknown[]).splice(0));
    const store = new MemoryStore();
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    const whole = await store.restoreProfile({ session, into: join(folder(), "into") });
    const report = { ...whole, skipped: [{ generation: 9, code: "CORRUPT" as const }] };
    tellRestore(report, { session, store: "memory", ms: 1, retries: 0 }, "profile");
    expect(report.skipped).toHaveLength(1);
  });

  it("that is the first one and comes during a call is told of the calls after it", async () => {
    const requests = new Requests(new MemoryBlobs());
    const store = new Vault({ blobs: requests });
    const lease = await store.acquire({ session });
    let told: ReturnType<typeof listen> | undefined;
    requests.intercept = (_name, _key, go) => {
      told ??= listen(["wa-vault:save"]);
      return go();
    };
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    expect(told).toEqual([]);
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("two")) });
    expect(told).toEqual([expect.objectContaining({ on: "save", unchanged: false })]);
  });
});

describe("requests", () => {
  it("are told one by one, those that are made again as well, with their session", async () => {
    const requests = Object.assign(new Requests(new MemoryBlobs()), { kind: "memory" });
    const store = new Vault({ blobs: requests, retryDelayMs: 0 });
    const lease = await store.acquire({ session });
    const told = listen(["wa-vault:blob"]) as unknown as BlobEvent[];
    let failures = 1;
    requests.intercept = (name, key, go) =>
      name === "put" && key.includes("/chunks/") && failures-- > 0 ? Promise.reject(outage()) : go();
    requests.take();
    const { bytesSent } = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    const puts = told.filter(({ request }) => request === "put");
    expect(puts.length).toBe(requests.take().filter((line) => line.startsWith("put ")).length);
    const base = { on: "blob", store: "memory", session, request: "put", keys: 1, ms: expect.any(Number) };
    expect(puts[0]).toEqual({ ...base, part: "chunks", bytes: 0, code: "UNAVAILABLE" });
    expect(puts[1]).toEqual({ ...base, part: "chunks", bytes: expect.any(Number) });
    expect(puts.at(-1)).toEqual({ ...base, part: "log", bytes: expect.any(Number) });
    expect(puts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(bytesSent);
    await lease.release();
  });

  it("for listings and for what sessions share say what they are", async () => {
    const told = listen(["wa-vault:blob"]) as unknown as BlobEvent[];
    const store = new MemoryStore({ encryption: { passphrase: "correct horse battery staple" } });
    await (await store.acquire({ session })).release();
    for await (const _ of store.sessions()) break;
    expect(told.find(({ request }) => request === "traits")).toEqual({
      on: "blob",
      store: "memory",
      request: "traits",
      bytes: 0,
      keys: 0,
      ms: expect.any(Number),
    });
    expect(told).toContainEqual(expect.objectContaining({ request: "put", part: "vault" }));
    expect(told).toContainEqual(expect.objectContaining({ request: "put", part: "sessions", session }));
    expect(told.at(-1)).toMatchObject({ request: "list", part: "sessions" });
    expect(told.at(-1)).not.toHaveProperty("session");
  });

  it("that find a key taken have the code CONFLICT, and are no error event", async () => {
    const blobs = new MemoryBlobs();
    const told = listen();
    const requests = listen(["wa-vault:blob"]) as unknown as BlobEvent[];
    const stores = [new Vault({ blobs }), new Vault({ blobs })];
    const leases = await Promise.allSettled(stores.map((store) => store.acquire({ session })));
    expect(leases.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
    expect(requests.some(({ code }) => code === "CONFLICT")).toBe(true);
    expect(told.filter((one) => one.code === "CONFLICT")).toEqual([]);
  });
});

describe("the tracing channel", () => {
  it("has one context from the start of a call to its end", async () => {
    const seen: string[] = [];
    const contexts = new Set<unknown>();
    const note = (name: string) => (context: unknown) => {
      seen.push(`${name} ${(context as { operation: string }).operation}`);
      contexts.add(context);
    };
    const handlers = {
      start: note("start"),
      end: note("end"),
      asyncStart: note("asyncStart"),
      asyncEnd: note("asyncEnd"),
      error: note("error"),
    };
    const operations = tracingChannel("wa-vault:operation");
    operations.subscribe(handlers);
    try {
      const store = new MemoryStore();
      const lease = await store.acquire({ session });
      await expect(store.undelete({ session, lease })).rejects.toThrow();
    } finally {
      operations.unsubscribe(handlers);
    }
    expect(seen).toEqual(
      ["start", "end", "asyncStart", "asyncEnd"]
        .map((name) => `${name} acquire`)
        .concat(["start", "end", "error", "asyncStart", "asyncEnd"].map((name) => `${name} undelete`)),
    );
    const [acquire, undelete] = [...contexts];
    expect(contexts.size).toBe(2);
    expect(acquire).toMatchObject({ operation: "acquire", session, store: "memory" });
    expect(undelete).toMatchObject({ operation: "undelete", session, error: { code: "ABSENT" } });
  });

  it("tells nobody what a call has returned", async () => {
    const store = new MemoryStore();
    const records = await store.openRecords({ session: "Baileys-bot" });
    await records.set(new Map([["creds", Buffer.from("hush")]]));
    const seen: unknown[] = [];
    const note = (context: unknown): void => void seen.push(context);
    const operations = tracingChannel("wa-vault:operation");
    const handlers = { start: note, end: note, asyncStart: note, asyncEnd: note, error: note };
    operations.subscribe(handlers);
    try {
      expect((await store.peekRecords({ session: "Baileys-bot" }))?.get("creds")?.toString()).toBe("hush");
    } finally {
      operations.unsubscribe(handlers);
      await records.close();
    }
    expect(seen.length).toBeGreaterThan(0);
    // Node itself notes that there was none.
    for (const one of seen) expect(Object.entries(one as object)).not.toContainEqual(["result", expect.anything()]);
  });
});
