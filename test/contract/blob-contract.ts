import assert from "node:assert/strict";
import type { BlobInfo, BlobStore } from "../../lib/blobs.ts";
import { isVaultError, type VaultErrorCode } from "../../lib/errors.ts";
import { type Opened, type Runner, type SuiteOptions, suite } from "./runner.ts";

/** A backend under test. */
export interface OpenedBlobs extends Opened {
  /** The backend: new and empty. */
  readonly blobs: BlobStore;
  /** Another client of the same backend, as another process would have it, when that can be had. */
  readonly again?: BlobStore;
  /** The same backend whose service does not answer, when that can be had. */
  readonly unreachable?: BlobStore;
}

/** Every backend takes values of this size. */
const LEAST_MAX_BYTES = 64 * 1024;
/** The largest value that the suite sends, where a backend takes larger ones. */
const LARGE_BYTES = 16 * 1024 * 1024;
/** Bytes that have a buffer of their own. */
const MOVED_BYTES = 1024 * 1024;
const CONTENDERS = 20;
const MANY = 1_100;

/** What every `BlobStore` must do. */
export function blobContract(runner: Runner, options: SuiteOptions<OpenedBlobs>): void {
  suite(runner, "blobs", options, tests);
}

const tests: Record<string, (opened: OpenedBlobs) => Promise<void>> = {
  "says what it can do": async ({ blobs }) => {
    const { maxBlobBytes, exclusiveCreate } = await blobs.traits();
    assert.ok(Number.isSafeInteger(maxBlobBytes) && maxBlobBytes >= LEAST_MAX_BYTES);
    assert.equal(typeof exclusiveCreate, "boolean");
  },

  "answers undefined for what is absent": async ({ blobs }) => {
    await absent(blobs, "s/log/0000000000000001");
    assert.deepEqual(await keysOf(blobs, "s/"), []);
  },

  "gives back what was put": async ({ blobs }) => {
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    for (const bytes of [
      Buffer.alloc(0),
      everyByte,
      Buffer.from("é\r\n\0", "utf8"),
      Buffer.alloc(LEAST_MAX_BYTES, 0xff),
    ]) {
      await blobs.put("s/a", bytes);
      const found = await blobs.get("s/a");
      assert.ok(Buffer.isBuffer(found));
      assert.ok(found.equals(bytes));
    }
  },

  "takes the largest blob, and refuses a larger one": async ({ blobs }) => {
    const { maxBlobBytes } = await blobs.traits();
    const bytes = noise(Math.min(maxBlobBytes, LARGE_BYTES));
    await blobs.put("s/large", bytes);
    assert.ok((await blobs.get("s/large"))?.equals(bytes));
    if (maxBlobBytes > LARGE_BYTES) return;
    await rejects(blobs.put("s/larger", Buffer.alloc(maxBlobBytes + 1)), "TOO_LARGE");
    await absent(blobs, "s/larger");
  },

  "shares no memory with its caller": async ({ blobs }) => {
    const bytes = Buffer.from("before");
    await blobs.put("s/a", bytes);
    bytes.fill("x");
    const found = await blobs.get("s/a");
    assert.equal(String(found), "before");
    found?.fill("y");
    assert.equal(String(await blobs.get("s/a")), "before");
  },

  "needs no memory of its caller after a put, and none of what it returned": async ({ blobs }) => {
    const { maxBlobBytes } = await blobs.traits();
    const bytes = noise(Math.min(maxBlobBytes, MOVED_BYTES));
    const put = Buffer.from(bytes);
    await blobs.put("s/a", put);
    moveAway(put);
    for (let read = 0; read < 2; read++) {
      const found = await blobs.get("s/a");
      assert.ok(found);
      assert.ok(found.equals(bytes));
      moveAway(found);
    }
    const again = Buffer.from(bytes.subarray(1));
    await blobs.put("s/a", again);
    moveAway(again);
    assert.ok((await blobs.get("s/a"))?.equals(bytes.subarray(1)));
  },

  "replaces what was there, and lists it once": async ({ blobs }) => {
    await blobs.put("s/a", Buffer.from("first"));
    await blobs.put("s/a", Buffer.from("second one"));
    assert.equal(String(await blobs.get("s/a")), "second one");
    const [info, ...others] = await listOf(blobs, "s/");
    assert.deepEqual(others, []);
    assert.equal(info?.key, "s/a");
    assert.equal(info?.size, 10);
    assert.ok(info.modifiedAt instanceof Date && info.modifiedAt.getTime() > Date.UTC(2020));
  },

  "lists by exact text prefix": async ({ blobs }) => {
    const keys = [
      "bot/log/01",
      "bot/log/02",
      "bot/log/12",
      "bot/logs",
      "bot/chunks/01/ab",
      "bot-2/log/01",
      "bo/log/01",
    ];
    for (const key of keys) await blobs.put(key, Buffer.from(key));
    assert.deepEqual(await keysOf(blobs, "bot/"), keys.filter((key) => key.startsWith("bot/")).sort());
    assert.deepEqual(await keysOf(blobs, "bot/log"), ["bot/log/01", "bot/log/02", "bot/log/12", "bot/logs"]);
    assert.deepEqual(await keysOf(blobs, "bot/log/"), ["bot/log/01", "bot/log/02", "bot/log/12"]);
    assert.deepEqual(await keysOf(blobs, "bot/log/0"), ["bot/log/01", "bot/log/02"]);
    assert.deepEqual(await keysOf(blobs, "bot/log/01"), ["bot/log/01"]);
    assert.deepEqual(await keysOf(blobs, "bot/nothing/"), []);
    // Characters that mean something else in patterns.
    for (const key of ["b_t/l.g/1", "b_t/lxg/1", "bxt/l.g/1", "b-t/l.g/1"]) await blobs.put(key, Buffer.from(key));
    assert.deepEqual(await keysOf(blobs, "b_t/l.g/"), ["b_t/l.g/1"]);
  },

  "lists more than a page, each key once": async ({ blobs }) => {
    const keys = Array.from(
      { length: MANY },
      (_, index) => `s/chunks/0000000000000001/${String(index).padStart(5, "0")}`,
    );
    await inBatches(keys, 50, (key) => blobs.put(key, Buffer.from(key)));
    await blobs.put("s/log/0000000000000001", Buffer.from("x"));
    assert.deepEqual(await keysOf(blobs, "s/chunks/"), keys);
    await blobs.delete(keys);
    assert.deepEqual(await keysOf(blobs, "s/"), ["s/log/0000000000000001"]);
  },

  "lists the largest key of some moment, also when it is removed for the next one meanwhile": async ({ blobs }) => {
    const key = (n: number): string => `s/log/${String(n).padStart(16, "0")}`;
    await blobs.put(key(1), Buffer.from("x"));
    for (const beside of ["s/chunks/1/a", "s/chunks/1/b", "s/lease/1/1"]) await blobs.put(beside, Buffer.from("x"));
    for (let n = 1; n <= 36; n++) {
      const change = blobs.put(key(n + 1), Buffer.from("x")).then(() => blobs.delete([key(n)]));
      change.catch(() => {});
      // At another moment of the change each time.
      for (let turns = Math.floor(n / 2) % 6; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      // By itself, and among all keys of a session.
      const keys = (await keysOf(blobs, n % 2 === 0 ? "s/log/" : "s/")).filter((one) => one.startsWith("s/log/"));
      assert.ok((keys.at(-1) ?? "") >= key(n), `listed ${keys.join(" ")}, and ${key(n)} was there before`);
      await change;
    }
  },

  "stops a listing that nobody reads on": async ({ blobs }) => {
    for (const key of ["s/a", "s/b", "s/c"]) await blobs.put(key, Buffer.from(key));
    for await (const { key } of blobs.list("s/")) {
      assert.ok(key.startsWith("s/"));
      break;
    }
    assert.equal((await keysOf(blobs, "s/")).length, 3);
  },

  "keeps keys apart that differ only in case": async ({ blobs }) => {
    const keys = ["Bot/a", "bot/A", "bot/a"];
    for (const key of keys) await blobs.put(key, Buffer.from(key));
    for (const key of keys) assert.equal(String(await blobs.get(key)), key);
    assert.deepEqual(await keysOf(blobs, "bot/"), ["bot/A", "bot/a"]);
  },

  "takes every key that the contract allows": async ({ blobs }) => {
    const segment = (length: number): string => "aB3_-.x".repeat(length).slice(0, length);
    const keys = [
      "s/a",
      "s/b/c/d/e/f",
      "s/a.",
      "s/.a",
      "s/...",
      "s/-",
      "s/con",
      "s/NUL.txt",
      "s/lpt1/x",
      "s/blob",
      "s/a.tmp",
      `s/${segment(199)}`,
      `s/${"X".repeat(200)}`,
      `s/${segment(200)}/x/${"Y".repeat(200)}/${segment(106)}`,
      "_sessions/s",
    ];
    for (const key of keys) await blobs.put(key, Buffer.from(key));
    for (const key of keys) assert.equal(String(await blobs.get(key)), key);
    assert.deepEqual(await keysOf(blobs, "s/"), keys.filter((key) => key.startsWith("s/")).sort());
    assert.deepEqual(
      await keysOf(blobs, `s/${segment(200)}`),
      keys.filter((key) => key.includes("/x/")),
    );
    assert.deepEqual(await keysOf(blobs, `s/${"X".repeat(150)}`), [`s/${"X".repeat(200)}`]);
    await blobs.delete(keys);
    for (const key of keys) await absent(blobs, key);
  },

  "refuses every other key": async ({ blobs }) => {
    for (const key of [
      "",
      "/",
      "/a",
      "a/",
      "a//b",
      "a/../b",
      "./a",
      "a b",
      "ä",
      "a\\b",
      "a:b",
      "x".repeat(201),
      `${"x/".repeat(256)}x`,
    ]) {
      await rejects(blobs.put(key, Buffer.from("x")), "INVALID");
      await rejects(blobs.get(key), "INVALID");
      await rejects(blobs.delete([key]), "INVALID");
    }
    for (const prefix of ["", "s", "/", "s/../"]) await rejects(keysOf(blobs, prefix), "INVALID");
  },

  "deletes, also twice, also what is absent": async ({ blobs }) => {
    for (const key of ["s/a", "s/ab", "s/b", "s/c"]) await blobs.put(key, Buffer.from(key));
    await blobs.delete([]);
    await blobs.delete(["s/a", "s/nothing", "s/b"]);
    await absent(blobs, "s/a");
    assert.deepEqual(await keysOf(blobs, "s/"), ["s/ab", "s/c"]);
    await blobs.delete(["s/ab"]);
    await blobs.delete(["s/a"]);
    await blobs.put("s/a", Buffer.from("again"));
    assert.equal(String(await blobs.get("s/a")), "again");
    assert.deepEqual(await keysOf(blobs, "s/"), ["s/a", "s/c"]);
  },

  "creates only what is absent": async ({ blobs }) => {
    if (!(await blobs.traits()).exclusiveCreate) return;
    await blobs.put("s/a", Buffer.from("first"), { ifAbsent: true });
    await rejects(blobs.put("s/a", Buffer.from("second"), { ifAbsent: true }), "CONFLICT");
    assert.equal(String(await blobs.get("s/a")), "first");
    await blobs.put("s/a", Buffer.from("third"));
    assert.equal(String(await blobs.get("s/a")), "third");
    await blobs.delete(["s/a"]);
    await blobs.put("s/a", Buffer.from("fourth"), { ifAbsent: true });
    assert.equal(String(await blobs.get("s/a")), "fourth");
  },

  "lets exactly one of many create a key": async ({ blobs }) => {
    if (!(await blobs.traits()).exclusiveCreate) return;
    for (let round = 0; round < 5; round++) {
      const key = `s/log/${round}`;
      const values = Array.from({ length: CONTENDERS }, (_, index) => Buffer.alloc(5_000, `${round}-${index};`));
      const results = await Promise.allSettled(values.map((value) => blobs.put(key, value, { ifAbsent: true })));
      const winners = values.filter((_, index) => results[index]?.status === "fulfilled");
      assert.equal(winners.length, 1);
      for (const result of results) {
        if (result.status === "rejected") assert.ok(isVaultError(result.reason, "CONFLICT"), String(result.reason));
      }
      assert.ok((await blobs.get(key))?.equals(winners[0] as Buffer));
    }
    assert.equal((await keysOf(blobs, "s/")).length, 5);
  },

  "shows a reader the old value or the whole new one": async ({ blobs }) => {
    const values = ["a", "b"].map((letter) => Buffer.alloc(LEAST_MAX_BYTES, letter));
    await blobs.put("s/a", values[0] as Buffer);
    let writing = true;
    const writer = (async () => {
      for (let round = 0; round < 30; round++) await blobs.put("s/a", values[round % 2] as Buffer);
    })().finally(() => {
      writing = false;
    });
    writer.catch(() => {});
    let reads = 0;
    while (writing) {
      const found = await blobs.get("s/a");
      assert.ok(values.some((value) => found?.equals(value)));
      reads++;
      // A backend in memory would never let the writer on.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writer;
    assert.ok(reads > 0);
  },

  "shows at once what another process has done": async ({ blobs, again }) => {
    if (!again) return;
    await absent(again, "s/a");
    assert.deepEqual(await keysOf(again, "s/"), []);
    for (const value of ["first", "second"]) {
      await blobs.put("s/a", Buffer.from(value));
      assert.equal(String(await again.get("s/a")), value);
      assert.deepEqual(await keysOf(again, "s/"), ["s/a"]);
    }
    await blobs.delete(["s/a"]);
    await absent(again, "s/a");
    assert.deepEqual(await keysOf(again, "s/"), []);
    if (!(await blobs.traits()).exclusiveCreate) return;
    await again.put("s/a", Buffer.from("third"), { ifAbsent: true });
    await rejects(blobs.put("s/a", Buffer.from("fourth"), { ifAbsent: true }), "CONFLICT");
  },

  "rejects with the signal's reason when it was aborted before": async ({ blobs }) => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const is = (error: unknown): boolean => error === reason;
    await assert.rejects(blobs.traits({ signal }), is);
    await assert.rejects(blobs.get("s/a", { signal }), is);
    await assert.rejects(blobs.put("s/a", Buffer.from("x"), { signal }), is);
    await assert.rejects(blobs.delete(["s/a"], { signal }), is);
    await assert.rejects(keysOf(blobs, "s/", signal), is);
    await absent(blobs, "s/a");
  },

  "is whole when it was aborted during a put": async ({ blobs }) => {
    const [before, after] = [Buffer.alloc(LEAST_MAX_BYTES, "b"), Buffer.alloc(LEAST_MAX_BYTES, "a")];
    for (let round = 0; round < 5; round++) {
      const key = `s/${round}`;
      await blobs.put(key, before);
      const controller = new AbortController();
      const reason = new Error("enough");
      const put = blobs.put(key, after, { signal: controller.signal });
      setImmediate(() => controller.abort(reason));
      const outcome = await put.then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(outcome === undefined || outcome === reason, String(outcome));
      const found = await blobs.get(key);
      assert.ok(found?.equals(before) || found?.equals(after));
      if (outcome === undefined) assert.ok(found?.equals(after));
    }
  },

  "does not take an outage for an absence": async ({ unreachable }) => {
    if (!unreachable) return;
    const calls = [
      unreachable.get("s/a"),
      unreachable.put("s/a", Buffer.from("x")),
      unreachable.put("s/a", Buffer.from("x"), { ifAbsent: true }),
      unreachable.delete(["s/a"]),
      keysOf(unreachable, "s/"),
    ];
    for (const result of await Promise.allSettled(calls)) {
      assert.equal(result.status, "rejected");
      assert.ok(isVaultError(result.reason, "UNAVAILABLE") && result.reason.retryable, String(result.reason));
    }
  },
};

async function listOf(blobs: BlobStore, prefix: string, signal?: AbortSignal): Promise<BlobInfo[]> {
  const found: BlobInfo[] = [];
  for await (const info of blobs.list(prefix, { signal })) found.push(info);
  return found;
}

async function keysOf(blobs: BlobStore, prefix: string, signal?: AbortSignal): Promise<string[]> {
  return (await listOf(blobs, prefix, signal)).map(({ key }) => key).sort();
}

async function inBatches<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += atOnce) await Promise.all(items.slice(at, at + atOnce).map(work));
}

/** By itself Node puts the value into the message, byte by byte, and from 22 on it takes minutes for a large one. */
async function absent(blobs: BlobStore, key: string): Promise<void> {
  const found = await blobs.get(key);
  assert.ok(found === undefined, `${key} is there, with ${found?.length} bytes`);
}

async function rejects(call: Promise<unknown>, code: VaultErrorCode): Promise<void> {
  await assert.rejects(call, (error) => isVaultError(error, code));
}

/** Bytes that do not compress and differ all over. */
/** Overwrites bytes, and moves their memory away where no other bytes lie in it: whoever looks at them later finds none. */
function moveAway(bytes: Buffer): void {
  bytes.fill(0);
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength)
    structuredClone(buffer, { transfer: [buffer] });
}

function noise(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = 0x9e3779b9;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
