import { describe, expect, it } from "vitest";
import { limit } from "../../lib/blobs/limit.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { retry } from "../../lib/blobs/retry.ts";
import { timeout } from "../../lib/blobs/timeout.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { VaultError } from "../../lib/errors.ts";
import { blobContract } from "../contract/index.ts";

const bytes = Buffer.from("x");
const never = (): Promise<never> => new Promise(() => {});

/** A backend whose answers are replaced one by one. */
function backend(replaced: Partial<BlobStore>): BlobStore {
  const memory = new MemoryBlobs();
  return {
    traits: (options) => memory.traits(options),
    get: (key, options) => memory.get(key, options),
    put: (key, value, options) => memory.put(key, value, options),
    list: (prefix, options) => memory.list(prefix, options),
    delete: (keys, options) => memory.delete(keys, options),
    ...replaced,
  };
}

async function keysOf(blobs: BlobStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(prefix)) keys.push(key);
  return keys;
}

blobContract(
  { describe, it },
  {
    name: "memory, decorated",
    open: () => {
      const timed = timeout(new MemoryBlobs(), { attemptTimeoutMs: 60_000 });
      return { blobs: retry(limit(timed, { concurrency: 3 }), { retries: 2, retryDelayMs: 0 }) };
    },
  },
);

describe("retry", () => {
  const failing = (times: number, error: VaultError): { blobs: BlobStore; calls: () => number } => {
    let calls = 0;
    const fail = async (): Promise<undefined> => {
      if (++calls <= times) throw error;
      return undefined;
    };
    return { blobs: backend({ get: fail, put: fail, delete: fail }), calls: () => calls };
  };
  const options = { retries: 3, retryDelayMs: 0 };

  it("makes a call again that failed with a retryable error", async () => {
    for (const call of [
      (blobs: BlobStore) => blobs.get("s/a"),
      (blobs: BlobStore) => blobs.put("s/a", bytes),
      (blobs: BlobStore) => blobs.delete(["s/a"]),
    ]) {
      const { blobs, calls } = failing(3, new VaultError("UNAVAILABLE", "away"));
      await call(retry(blobs, options));
      expect(calls()).toBe(4);
    }
  });

  it("gives up after `retries` attempts more, with the last error", async () => {
    const error = new VaultError("UNAVAILABLE", "away");
    const { blobs, calls } = failing(99, error);
    await expect(retry(blobs, options).get("s/a")).rejects.toBe(error);
    expect(calls()).toBe(4);
  });

  it("begins no attempt when the call has taken too long", async () => {
    const error = new VaultError("UNAVAILABLE", "away");
    const { blobs, calls } = failing(99, error);
    await expect(retry(blobs, { ...options, giveUpAfterMs: -1 }).get("s/a")).rejects.toBe(error);
    expect(calls()).toBe(1);
  });

  it.each(["CONFLICT", "DENIED", "INVALID", "TOO_LARGE", "CORRUPT"] as const)("passes %s on at once", async (code) => {
    const error = new VaultError(code, "no");
    const { blobs, calls } = failing(99, error);
    await expect(retry(blobs, options).put("s/a", bytes)).rejects.toBe(error);
    expect(calls()).toBe(1);
  });

  it("passes on an error that is no VaultError", async () => {
    const bug = new TypeError("a bug");
    const blobs = retry(backend({ get: () => Promise.reject(bug) }), options);
    await expect(blobs.get("s/a")).rejects.toBe(bug);
  });

  it("goes on with a listing that broke off, and yields each key once", async () => {
    const memory = new MemoryBlobs();
    for (const key of ["s/a", "s/b", "s/c"]) await memory.put(key, bytes);
    let listings = 0;
    const blobs = backend({
      async *list(prefix) {
        const breakAfter = ++listings;
        let count = 0;
        for await (const info of memory.list(prefix)) {
          if (count++ === breakAfter) throw new VaultError("UNAVAILABLE", "broken off");
          yield info;
        }
      },
    });
    expect(await keysOf(retry(blobs, options), "s/")).toEqual(["s/a", "s/b", "s/c"]);
    expect(listings).toBe(3);
  });

  it("tells before each attempt of a put, and does not pass that on to the backend", async () => {
    const { blobs, calls } = failing(2, new VaultError("UNAVAILABLE", "away"));
    const passed: unknown[] = [];
    const noting: BlobStore = {
      ...blobs,
      put: (key, value, call) => {
        passed.push(call);
        return blobs.put(key, value, call);
      },
    };
    const callsBefore: number[] = [];
    await retry(noting, options).put("s/a", bytes, { ifAbsent: true, onAttempt: () => callsBefore.push(calls()) });
    expect(callsBefore).toEqual([0, 1, 2]);
    expect(passed).toEqual(Array.from({ length: 3 }, () => ({ ifAbsent: true })));
  });

  it("ends its pause when the signal aborts", async () => {
    const { blobs, calls } = failing(99, new VaultError("UNAVAILABLE", "away"));
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = retry(blobs, { retries: 3, retryDelayMs: 60_000 }).get("s/a", { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(call).rejects.toBe(reason);
    expect(calls()).toBe(1);
  });
});

describe("timeout", () => {
  it("ends a call that is never answered with UNAVAILABLE", async () => {
    const blobs = timeout(backend({ get: never, put: never, delete: never, traits: never }), { attemptTimeoutMs: 5 });
    const calls = [blobs.traits(), blobs.get("s/a"), blobs.put("s/a", bytes), blobs.delete(["s/a"])];
    const outage = { code: "UNAVAILABLE", retryable: true };
    await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject(outage)));
  });

  it("tells the backend to stop", async () => {
    let seen: AbortSignal | undefined;
    const blobs = timeout(
      backend({
        get: (_, options) => {
          seen = options?.signal;
          return never();
        },
      }),
      { attemptTimeoutMs: 5 },
    );
    await expect(blobs.get("s/a")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(seen?.aborted).toBe(true);
  });

  it("gives each step of a listing its time, and ends one that hangs", async () => {
    const memory = new MemoryBlobs();
    for (const key of ["s/a", "s/b"]) await memory.put(key, bytes);
    const hanging = backend({
      async *list(prefix) {
        yield* memory.list(prefix);
        await never();
      },
    });
    const seen: string[] = [];
    const listing = (async () => {
      for await (const { key } of timeout(hanging, { attemptTimeoutMs: 5 }).list("s/")) seen.push(key);
    })();
    await expect(listing).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(seen).toEqual(["s/a", "s/b"]);
  });

  it("does not count the time between two steps of a listing, which is the caller's", async () => {
    const memory = new MemoryBlobs();
    for (const key of ["s/a", "s/b"]) await memory.put(key, bytes);
    const seen: string[] = [];
    for await (const { key } of timeout(memory, { attemptTimeoutMs: 5 }).list("s/")) {
      seen.push(key);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(seen).toEqual(["s/a", "s/b"]);
  });

  it("ends a listing with the reason of the signal, also while a step hangs", async () => {
    const hanging = backend({
      // biome-ignore lint/correctness/useYield: it never comes to that
      async *list() {
        await never();
      },
    });
    const controller = new AbortController();
    const listing = timeout(hanging, { attemptTimeoutMs: 60_000 }).list("s/", { signal: controller.signal });
    const step = listing[Symbol.asyncIterator]().next();
    const reason = new Error("stop");
    controller.abort(reason);
    await expect(step).rejects.toBe(reason);
  });

  it("is told the key, and the bytes of a put", async () => {
    const asked: unknown[] = [];
    const blobs = timeout(new MemoryBlobs(), { attemptTimeoutMs: (...args) => asked.push(args) * 60_000 });
    await blobs.put("s/a", Buffer.alloc(7));
    await blobs.get("s/a");
    expect(asked).toEqual(
      [["s/a", 7], ["s/a"]].map(([key, size]) => (size === undefined ? [key, undefined] : [key, size])),
    );
  });

  it("leaves no unhandled rejection when the backend fails after the time limit", async () => {
    let fail = (_: unknown): void => {};
    const late = new Promise<undefined>((_, reject) => {
      fail = reject;
    });
    const blobs = timeout(backend({ get: () => late }), { attemptTimeoutMs: 5 });
    await expect(blobs.get("s/a")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    fail(new Error("too late"));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("limit", () => {
  it("lets at most `concurrency` calls run at once, and urgent ones always", async () => {
    const running = new Set<string>();
    const release = new Map<string, () => void>();
    let most = 0;
    const blobs = limit(
      backend({
        get: async (key) => {
          running.add(key);
          most = Math.max(most, [...running].filter((one) => one.includes("/slow/")).length);
          if (key.includes("/slow/")) await new Promise<void>((resolve) => release.set(key, resolve));
          running.delete(key);
          return undefined;
        },
      }),
      { concurrency: 2, urgent: (key) => key.includes("/log/") },
    );
    const slow = [1, 2, 3, 4, 5].map((n) => blobs.get(`s/slow/${n}`));
    await blobs.get("s/log/1");
    await new Promise(setImmediate);
    expect(running.size).toBe(2);
    for (let n = 1; n <= 5; n++) {
      release.get(`s/slow/${n}`)?.();
      await slow[n - 1];
    }
    expect(most).toBe(2);
  });

  it("releases its permit when a call fails, and stops waiting for one when the signal aborts", async () => {
    let fail = true;
    const blobs = limit(
      backend({ get: async () => (fail ? Promise.reject(new VaultError("UNAVAILABLE", "away")) : undefined) }),
      { concurrency: 1 },
    );
    await expect(blobs.get("s/a")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    fail = false;
    await blobs.get("s/a");

    const hanging = limit(backend({ get: never }), { concurrency: 1 });
    void hanging.get("s/a");
    const controller = new AbortController();
    const waiting = hanging.get("s/b", { signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
