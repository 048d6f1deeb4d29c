import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { BlobInfo, BlobStore, PutOptions } from "../../lib/blobs.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { blobContract, type OpenedBlobs } from "../contract/blob-contract.ts";

/** Titles of the suite's tests that `open` does not pass. */
async function failuresOf(open: () => OpenedBlobs): Promise<string[]> {
  const tests: { title: string; test: () => Promise<void> | void }[] = [];
  const runner = {
    describe: (_name: string, define: () => void): void => define(),
    it: (title: string, test: () => Promise<void> | void): void => void tests.push({ title, test }),
  };
  blobContract(runner, { name: "under test", open });
  const failures: string[] = [];
  for (const { title, test } of tests) {
    try {
      await test();
    } catch {
      failures.push(title);
    }
  }
  return failures;
}

/** A sound backend, but for what `change` replaces. */
function broken(change: (sound: MemoryBlobs) => Partial<BlobStore>): () => OpenedBlobs {
  return () => ({ blobs: but(new MemoryBlobs({ maxBlobBytes: 1024 * 1024 }), change) });
}

function but(sound: MemoryBlobs, change: (sound: MemoryBlobs) => Partial<BlobStore>): BlobStore {
  return {
    traits: (options) => sound.traits(options),
    get: (key, options) => sound.get(key, options),
    put: (key, bytes, options) => sound.put(key, bytes, options),
    list: (prefix, options) => sound.list(prefix, options),
    delete: (keys, options) => sound.delete(keys, options),
    ...change(sound),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A listing that gives what `choose` makes of the whole one. */
function listing(
  choose: (infos: BlobInfo[], prefix: string) => BlobInfo[],
): (sound: MemoryBlobs) => Partial<BlobStore> {
  return (sound) => ({
    async *list(prefix, options) {
      const infos: BlobInfo[] = [];
      for await (const info of sound.list(prefix, options)) infos.push(info);
      yield* choose(infos, prefix);
    },
  });
}

/** A listing by another reading of what a prefix is. */
function matching(matches: (key: string, prefix: string) => boolean): (sound: MemoryBlobs) => Partial<BlobStore> {
  const keys = new Set<string>();
  return (sound) => ({
    put: async (key, bytes, options) => {
      await sound.put(key, bytes, options);
      keys.add(key);
    },
    async *list(prefix, options) {
      // Its checks of the prefix and the signal.
      for await (const _ of sound.list(prefix, options)) break;
      for (const key of keys) {
        const value = matches(key, prefix) ? await sound.get(key) : undefined;
        if (value) yield { key, size: value.length, modifiedAt: new Date() };
      }
    },
  });
}

const faults: Record<string, () => OpenedBlobs> = {
  "gives an empty value for what is absent": broken((sound) => ({
    get: async (key, options) => (await sound.get(key, options)) ?? Buffer.alloc(0),
  })),
  "throws for what is absent": broken((sound) => ({
    get: async (key, options) => {
      const found = await sound.get(key, options);
      if (!found) throw new VaultError("ABSENT", "not there");
      return found;
    },
  })),
  "takes an empty value for an absence": broken((sound) => ({
    get: async (key, options) => {
      const found = await sound.get(key, options);
      return found?.length ? found : undefined;
    },
  })),
  "takes an outage for an absence": () => ({
    blobs: new MemoryBlobs(),
    unreachable: but(new MemoryBlobs(), () => ({
      put: () => Promise.reject(new VaultError("UNAVAILABLE", "away")),
      delete: () => Promise.reject(new VaultError("UNAVAILABLE", "away")),
    })),
  }),
  "calls an outage something else": () => {
    const away = (): Promise<never> => Promise.reject(new Error("connect ECONNREFUSED"));
    const list = async function* (): AsyncGenerator<BlobInfo> {
      yield await away();
    };
    return { blobs: new MemoryBlobs(), unreachable: { traits: away, get: away, put: away, list, delete: away } };
  },
  "reads values as text": broken((sound) => ({
    get: async (key, options) => {
      const found = await sound.get(key, options);
      return found && Buffer.from(found.toString("utf8"));
    },
  })),
  "gives typed arrays that are no Buffers": broken((sound) => ({
    get: async (key, options) => {
      const found = await sound.get(key, options);
      return found && (new Uint8Array(found) as Buffer);
    },
  })),
  "keeps the caller's memory": broken((sound) => {
    const values = new Map<string, Buffer>();
    return {
      put: async (key, bytes, options) => {
        await sound.put(key, bytes, options);
        values.set(key, bytes);
      },
      get: async (key, options) => ((await sound.get(key, options)) ? values.get(key) : undefined),
    };
  }),
  "returns memory that it keeps": broken((sound) => {
    const returned = new Map<string, Buffer | undefined>();
    return {
      async get(key, options) {
        const bytes = await sound.get(key, options);
        if (!bytes || bytes.length < 1024 * 1024) return bytes;
        const known = returned.get(key) ?? bytes;
        returned.set(key, known);
        return known;
      },
    };
  }),
  "cuts what is too large": broken((sound) => ({
    put: (key, bytes, options) => sound.put(key, bytes.subarray(0, 1024 * 1024), options),
  })),
  "takes less than it says": broken((sound) => ({
    traits: async (o) => ({ ...(await sound.traits(o)), maxBlobBytes: 2 ** 21 }),
  })),
  "ignores ifAbsent": broken((sound) => ({ put: (key, bytes, { signal } = {}) => sound.put(key, bytes, { signal }) })),
  "looks first and writes later": broken((sound) => ({
    put: async (key, bytes, { ifAbsent, signal }: PutOptions = {}) => {
      if (ifAbsent && (await sound.get(key, { signal }))) throw new VaultError("CONFLICT", "there");
      await turn();
      await sound.put(key, bytes, { signal });
    },
  })),
  "writes although it refuses": broken((sound) => ({
    put: async (key, bytes, options) => {
      try {
        await sound.put(key, bytes, options);
      } catch (error) {
        if (isVaultError(error, "CONFLICT")) await sound.put(key, bytes);
        throw error;
      }
    },
  })),
  "calls a key that exists an outage": broken((sound) => ({
    put: async (key, bytes, options) => {
      await sound.put(key, bytes, options).catch((error: unknown) => {
        throw isVaultError(error, "CONFLICT") ? new VaultError("UNAVAILABLE", "no") : error;
      });
    },
  })),
  "remembers keys that were deleted": broken((sound) => {
    const created = new Set<string>();
    return {
      put: async (key, bytes, options) => {
        if (options?.ifAbsent && created.has(key)) throw new VaultError("CONFLICT", "there");
        await sound.put(key, bytes, options);
        created.add(key);
      },
    };
  }),
  "shows a value that is half written": broken((sound) => ({
    put: async (key, bytes, options) => {
      await sound.put(key, bytes.subarray(0, bytes.length / 2), options);
      await turn();
      await sound.put(key, bytes);
    },
  })),
  "answers a put before it can be read": broken((sound) => ({
    put: async (key, bytes, options) => {
      const copy = Buffer.from(bytes);
      if (options?.ifAbsent || bytes.length > 1024 * 1024) return sound.put(key, bytes, options);
      options?.signal?.throwIfAborted();
      await sound.get(key);
      setImmediate(() => void sound.put(key, copy));
    },
  })),
  "reads from a copy that lags behind": () => {
    const sound = new MemoryBlobs();
    const stale = new Map<string, Buffer | undefined>();
    const again = but(sound, () => ({
      get: async (key, options) => {
        if (!stale.has(key)) stale.set(key, await sound.get(key, options));
        return stale.get(key);
      },
    }));
    return { blobs: sound, again };
  },
  "lists from a copy that lags behind": () => {
    const sound = new MemoryBlobs();
    let seen: BlobInfo[] | undefined;
    const again = but(
      sound,
      listing((infos) => {
        seen ??= infos;
        return seen;
      }),
    );
    return { blobs: sound, again };
  },
  "lists the first page only": broken(listing((infos) => infos.slice(0, 1000))),
  "loses the first of each page": broken(listing((infos) => infos.filter((_, at) => at === 0 || at % 1000 !== 0))),
  "lists no key that is gone by the time that it looks at it": broken((sound) => ({
    async *list(prefix, options) {
      const infos: BlobInfo[] = [];
      for await (const info of sound.list(prefix, options)) infos.push(info);
      for (let turns = 0; turns < 5; turns++) await turn();
      for (const info of infos) if (await sound.get(info.key)) yield info;
    },
    put: async (key, bytes, options) => {
      await turn();
      await sound.put(key, bytes, options);
    },
  })),
  "lists keys twice": broken(listing((infos) => [...infos, ...infos])),
  "lists sizes it does not know": broken(listing((infos) => infos.map((info) => ({ ...info, size: 0 })))),
  "lists no times": broken(listing((infos) => infos.map((info) => ({ ...info, modifiedAt: new Date(0) })))),
  "lists temporary keys": broken(
    listing((infos) => infos.flatMap((info) => [info, { ...info, key: `${info.key}.tmp` }])),
  ),
  "lists keys without their prefix": broken(
    listing((infos, prefix) => infos.map((info) => ({ ...info, key: info.key.slice(prefix.length) }))),
  ),
  "takes a prefix for a folder": broken(
    matching((key, prefix) => key.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`)),
  ),
  "takes a prefix for a folder without what is below its folders": broken(
    matching((key, prefix) => key.startsWith(prefix) && !key.slice(prefix.length).includes("/")),
  ),
  "takes a prefix for a pattern (LIKE)": broken(
    matching((key, prefix) => new RegExp(`^${prefix.replaceAll(".", "\\.").replaceAll("_", ".")}`).test(key)),
  ),
  "takes a prefix for a pattern (regular expression)": broken(
    matching((key, prefix) => new RegExp(`^${prefix}`).test(key)),
  ),
  "lists every session that begins alike": broken(matching((key, prefix) => key.startsWith(prefix.replace(/\/$/, "")))),
  "ignores case": broken((sound) => ({
    get: (key, options) => sound.get(key.toLowerCase(), options),
    put: (key, bytes, options) => sound.put(key.toLowerCase(), bytes, options),
    delete: (keys, options) =>
      sound.delete(
        keys.map((key) => key.toLowerCase()),
        options,
      ),
  })),
  "lists while ignoring case": broken(matching((key, prefix) => key.toLowerCase().startsWith(prefix.toLowerCase()))),
  "cuts long keys": broken((sound) => ({
    get: (key, options) => sound.get(key.slice(0, 180), options),
    put: (key, bytes, options) => sound.put(key.slice(0, 180), bytes, options),
  })),
  "takes keys that are none": broken((sound) => ({
    get: async (key, options) => (/^[\w./-]+$/.test(key) ? sound.get(key, options) : undefined),
  })),
  "takes a prefix that holds no whole segment": broken((sound) => ({
    list: (prefix, options) => (prefix.includes("/") ? sound.list(prefix, options) : sound.list("s/", options)),
  })),
  "deletes the first key only": broken((sound) => ({
    delete: (keys, options) => sound.delete(keys.slice(0, 1), options),
  })),
  "cannot delete what is absent": broken((sound) => ({
    delete: async (keys, options) => {
      for (const key of keys) if (!(await sound.get(key, options))) throw new VaultError("ABSENT", "not there");
      await sound.delete(keys, options);
    },
  })),
  "deletes what begins with the key": broken((sound) => ({
    delete: async (keys, options) => {
      await sound.delete(keys, options);
      for (const key of keys)
        for await (const info of sound.list(key.includes("/") ? key : `${key}/`)) await sound.delete([info.key]);
    },
  })),
  "hides what was deleted from readers, not from listings": broken((sound) => {
    const gone = new Set<string>();
    return {
      get: async (key, options) => (gone.has(key) ? undefined : sound.get(key, options)),
      put: async (key, bytes, options) => {
        await sound.put(key, bytes, options);
        gone.delete(key);
      },
      delete: async (keys, { signal } = {}) => {
        await sound.delete(
          keys.filter((key) => key === ""),
          { signal },
        );
        for (const key of keys) gone.add(key);
      },
    };
  }),
  "does not heed a signal": broken((sound) => ({ get: (key) => sound.get(key), delete: (keys) => sound.delete(keys) })),
  "does not heed the signal of a listing": broken((sound) => ({ list: (prefix) => sound.list(prefix) })),
  "heeds a signal in words of its own": broken((sound) => ({
    put: async (key, bytes, options) => {
      if (options?.signal?.aborted) throw new VaultError("UNAVAILABLE", "aborted");
      await sound.put(key, bytes, options);
    },
  })),
  "leaves half a value when it is aborted": broken((sound) => ({
    put: async (key, bytes, options) => {
      if (options?.signal === undefined) return sound.put(key, bytes, options);
      options.signal.throwIfAborted();
      await sound.put(key, bytes.subarray(0, 1000));
      for (let turns = 0; turns < 3; turns++) {
        await turn();
        options.signal.throwIfAborted();
      }
      await sound.put(key, bytes);
    },
  })),
};

describe("the suite for backends", () => {
  it("passes a sound one", async () => {
    const unreachable = but(new MemoryBlobs(), () => {
      const away = (): Promise<never> => Promise.reject(new VaultError("UNAVAILABLE", "away"));
      const list = async function* (): AsyncGenerator<BlobInfo> {
        yield await away();
      };
      return { traits: away, get: away, put: away, list, delete: away };
    });
    const open = (): OpenedBlobs => {
      const blobs = new MemoryBlobs({ maxBlobBytes: 1024 * 1024 });
      return { blobs, again: but(blobs, () => ({})), unreachable };
    };
    expect(await failuresOf(open)).toEqual([]);
  });

  for (const [fault, open] of Object.entries(faults)) {
    it(`fails one that ${fault}`, async () => {
      expect(await failuresOf(open)).not.toEqual([]);
    });
  }
});
