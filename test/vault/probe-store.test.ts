import { describe, expect, it } from "vitest";
import { FileBlobs } from "../../adapters/fs/index.ts";
import { MemoryBlobs, type MemoryBlobsOptions } from "../../lib/blobs/memory.ts";
import type { BlobInfo, BlobStore, CallOptions, PutOptions } from "../../lib/blobs.ts";
import { VaultError } from "../../lib/errors.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();
const ALL = [
  ...["list", "read", "delete", "write", "readBack", "findInListing", "remove", "exclusiveCreate", "largest"],
];

/** A store with something wrong. */
class Wrong extends MemoryBlobs {
  readonly wrong: Partial<BlobStore>;
  constructor(wrong: Partial<BlobStore>, options?: MemoryBlobsOptions) {
    super(options);
    this.wrong = wrong;
  }
  override get(key: string, options?: CallOptions) {
    return this.wrong.get ? this.wrong.get(key, options) : super.get(key, options);
  }
  override put(key: string, bytes: Buffer, options?: PutOptions) {
    return this.wrong.put ? this.wrong.put(key, bytes, options) : super.put(key, bytes, options);
  }
  override async *list(prefix: string, options?: CallOptions): AsyncGenerator<BlobInfo> {
    yield* this.wrong.list ? this.wrong.list(prefix, options) : super.list(prefix, options);
  }
  override delete(keys: readonly string[], options?: CallOptions) {
    return this.wrong.delete ? this.wrong.delete(keys, options) : super.delete(keys, options);
  }
}

const denied = async (): Promise<never> => {
  throw new VaultError("DENIED", "refused");
};
async function* deniedList(): AsyncGenerator<BlobInfo> {
  yield await denied();
}

async function keysOf(blobs: BlobStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of MemoryBlobs.prototype.list.call(blobs, "_vault/")) keys.push(key);
  return keys;
}

function probe(blobs: BlobStore, options: { attemptTimeoutMs?: number } = {}, signal?: AbortSignal) {
  return new Vault({ blobs, retries: 0, ...options }).probe(signal ? { signal } : {});
}

describe("probe", () => {
  it("tries all that a vault needs, and leaves nothing", async () => {
    for (const blobs of [new MemoryBlobs(), new FileBlobs({ directory: folder() })]) {
      const found = await probe(blobs);
      expect(found.steps.map(({ name, error }) => [name, error])).toEqual(ALL.map((name) => [name, undefined]));
      expect(found).toMatchObject({ exclusiveCreate: true, clockAheadMs: 0 });
      expect(found.largestBytes).toBe(4_259_840);
      expect(found).not.toHaveProperty("leftBehind");
      const keys: string[] = [];
      for await (const { key } of blobs.list("_vault/")) keys.push(key);
      expect(keys).toEqual([]);
    }
  });

  it.each([
    ["list", { list: deniedList }, ["list", "findInListing"]],
    ["read", { get: denied }, ["read", "readBack", "remove", "largest"]],
    ["write", { put: denied }, ["write"]],
    ["delete", { delete: denied }, ["delete"]],
  ] as const)("names the right to %s that is missing", async (_right, wrong, failing) => {
    const found = await probe(new Wrong(wrong as Partial<BlobStore>));
    const failed = found.steps.filter(({ error }) => error?.code === "DENIED");
    expect(failed.map(({ name }) => name)).toEqual(failing);
  });

  it("leaves one small value at most, always the same, where nothing can be deleted", async () => {
    const blobs = new Wrong({ delete: denied });
    for (let times = 0; times < 3; times++) {
      const { leftBehind, steps } = await probe(blobs);
      expect(leftBehind).toBe("_vault/probe/kept");
      // Nothing that would leave more is tried.
      expect(steps.map(({ name }) => name)).not.toContain("exclusiveCreate");
    }
    expect(await keysOf(blobs)).toEqual(["_vault/probe/kept"]);
  });

  it("does not believe a store that says it creates keys exclusively", async () => {
    const honest = await probe(new MemoryBlobs({ exclusiveCreate: false }));
    expect(honest.exclusiveCreate).toBe(false);
    const blobs: Wrong = new Wrong({ put: (key, bytes) => MemoryBlobs.prototype.put.call(blobs, key, bytes) });
    const { steps } = await probe(blobs);
    expect(steps.find(({ name }) => name === "exclusiveCreate")?.error?.message).toContain("4 of 4 processes");
    expect(await keysOf(blobs)).toEqual([]);
  });

  it("finds a store out that forgets, shows old values, or takes less than it says", async () => {
    const failed = async (wrong: Partial<BlobStore>): Promise<string[]> =>
      (await probe(new Wrong(wrong))).steps.filter(({ error }) => error).map(({ name }) => name);
    expect(await failed({ put: async () => {} })).toEqual(
      expect.arrayContaining(["readBack", "findInListing", "exclusiveCreate", "largest"]),
    );
    expect(await failed({ get: async () => Buffer.from("old") })).toEqual(
      expect.arrayContaining(["readBack", "remove", "largest"]),
    );
    expect(await failed({ async *list() {} })).toEqual(["findInListing"]);
    const small: Wrong = new Wrong({
      put: async (key, bytes, options) => {
        if (bytes.length > 1_000_000) throw new VaultError("TOO_LARGE", "too large");
        return await MemoryBlobs.prototype.put.call(small, key, bytes, options);
      },
    });
    expect((await probe(small)).steps.filter(({ error }) => error)).toMatchObject([
      { name: "largest", error: { code: "TOO_LARGE" } },
    ]);
  });

  it("tells by how much the clocks differ", async () => {
    const shifted = (ms: number): Wrong => {
      const blobs: Wrong = new Wrong({
        async *list(prefix) {
          for await (const one of MemoryBlobs.prototype.list.call(blobs, prefix)) {
            yield { ...one, modifiedAt: new Date(one.modifiedAt.getTime() + ms) };
          }
        },
      });
      return blobs;
    };
    expect((await probe(shifted(900))).clockAheadMs).toBe(0);
    expect((await probe(shifted(-3_600_000))).clockAheadMs).toBeLessThan(-3_590_000);
    expect((await probe(shifted(60_000))).clockAheadMs).toBeGreaterThan(50_000);
  });

  it("ends at once when the store is away, does not answer, or nobody waits any more", async () => {
    const away = new Wrong({
      async *list() {
        yield await Promise.reject(new VaultError("UNAVAILABLE", "away"));
      },
    });
    expect((await probe(away)).steps).toMatchObject([{ name: "list", error: { code: "UNAVAILABLE" } }]);
    const silent = new Wrong({
      async *list() {
        await new Promise(() => {});
      },
    });
    expect((await probe(silent, { attemptTimeoutMs: 5 })).steps).toMatchObject([
      { name: "list", error: { code: "UNAVAILABLE" } },
    ]);
    const signal = AbortSignal.abort();
    await expect(probe(new MemoryBlobs(), {}, signal)).rejects.toBe(signal.reason);
  });
});
