import { createHash } from "node:crypto";
import { setImmediate, setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { BlobStore } from "../../lib/blobs.ts";
import type { SessionRecords } from "../../lib/vault/records/session-records.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { noise } from "../contract/profile.ts";
import { isEntryPut, outage, Requests } from "../vault/support/requests.ts";
import { traces } from "./traces.ts";

/** Blobs of a store, and how to let go of them. */
interface OpenedBlobs {
  readonly blobs: BlobStore;
  close?(): Promise<void> | void;
}

type Values = Record<string, Buffer | undefined>;
/** Values as text that tells them apart: large buffers take long to compare otherwise. */
type Shown = Record<string, string>;

const session = "Baileys-bot";
/** Larger than a blob is on any store: what is larger than a chunk goes in parts. */
const LARGE_BYTES = 5 * 1024 * 1024;
/** After so many entries they are put together. */
const MOST_LOOSE = 6;
/** Only a hang reaches it. */
const PATIENT = { timeout: 120_000, interval: 20 };

/** Processes on the records of one session in one store. */
class Processes {
  readonly #blobs: BlobStore;
  readonly #options: VaultOptions;
  readonly #all: { requests: Requests; records: SessionRecords }[] = [];

  constructor(blobs: BlobStore, options: VaultOptions) {
    this.#blobs = blobs;
    this.#options = options;
  }

  /** A process that takes the session, also from one that is alive or was killed, and opens its records. */
  async takeOver(
    onError: (error: unknown) => void = () => {},
  ): Promise<{ requests: Requests; records: SessionRecords }> {
    const requests = new Requests(this.#blobs);
    const vault = new Vault({ ...this.#options, blobs: requests, retries: 0 }, { mostLoose: MOST_LOOSE });
    await vault.breakLease({ session });
    const one = { requests, records: await vault.openRecords({ session, onError }) };
    this.#all.push(one);
    return one;
  }

  /** The records as a process sees them that takes no part. */
  async stored(): Promise<Shown> {
    const found = await new Vault({ ...this.#options, blobs: this.#blobs }).peekRecords({ session });
    return shown(Object.fromEntries(found ?? []));
  }

  async keys(folder: "log" | "chunks"): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.#blobs.list(`${session}/${folder}/`)) keys.push(key);
    return keys.sort();
  }

  /** Which of the secrets can be read in what is stored, and whether a key was given to hide them. */
  async traces(secrets: Readonly<Record<string, Buffer | string>>): Promise<{ found: string[]; areHidden: boolean }> {
    const found = new Set((await traces(this.#blobs, session, secrets)).map(({ secret }) => secret));
    return { found: [...found].sort(), areHidden: this.#options.encryption !== undefined };
  }

  async end(): Promise<void> {
    for (const { requests, records } of this.#all) {
      requests.passAll();
      await records.close(0);
    }
  }
}

/** Defines the tests of records on a store: the same on each, with and without encryption. */
export function recordsSuite(
  name: string,
  open: () => Promise<OpenedBlobs> | OpenedBlobs,
  options: VaultOptions,
): void {
  describe(`${name}: records`, () => {
    for (const [title, test] of Object.entries(tests)) {
      it(title, async () => {
        const opened = await open();
        const processes = new Processes(opened.blobs, options);
        try {
          await test(processes);
        } finally {
          await processes.end();
          await opened.close?.();
        }
      });
    }
  });
}

const tests: Record<string, (processes: Processes) => Promise<void>> = {
  "are there for the next holder, byte by byte, and for a reader": async (processes) => {
    const { records } = await processes.takeOver();
    const values = {
      empty: Buffer.alloc(0),
      bytes: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      "pre-key\u0000ü/…\u{1f511}": noise(1_000, 1),
      ["k".repeat(2_000)]: Buffer.from("long"),
    };
    await set(records, { ...values, gone: Buffer.from("x") });
    await set(records, { gone: undefined });
    expect(await processes.stored()).toEqual(shown(values));
    await records.close();
    expect(all((await processes.takeOver()).records)).toEqual(shown(values));
  },

  "survive folds, of which little is left": async (processes) => {
    const expected: Values = {};
    for (let round = 0; round < 2; round++) {
      const { records } = await processes.takeOver();
      expect(all(records)).toEqual(shown(expected));
      for (let n = 0; n < 40; n++) {
        const key = `key ${(n * 7 + round) % 11}`;
        const value = n % 5 === 0 ? undefined : noise(500 + n, 100 * round + n);
        await set(records, { [key]: value, n: Buffer.from(String(n)) });
        // Blobs in memory answer without it.
        await setImmediate();
        Object.assign(expected, { [key]: value, n: Buffer.from(String(n)) });
      }
      await records.close();
    }
    expect(await processes.stored()).toEqual(shown(expected));
    expect((await processes.keys("log")).length).toBeLessThan(50);
    expect(all((await processes.takeOver()).records)).toEqual(shown(expected));
  },

  "may be larger than a blob, in chunks that go when the records are folded": async (processes) => {
    const { records } = await processes.takeOver();
    const values = { large: noise(LARGE_BYTES, 1), before: Buffer.from("1"), after: Buffer.from("2") };
    const { before, large, after } = values;
    await Promise.all([set(records, { before }), set(records, { large }), set(records, { after })]);
    expect(all(records)).toEqual(shown(values));
    const sent = await processes.keys("chunks");
    await records.close();
    const next = await processes.takeOver();
    expect(all(next.records)).toEqual(shown(values));
    const another = noise(LARGE_BYTES, 2);
    await set(next.records, { large: another });
    await setUntilGone(processes, next.records, sent);
    await next.records.close();
    expect(await processes.stored()).toMatchObject(shown({ ...values, large: another }));
  },

  "wait through an outage, in order, whether the store has taken them or not": async (processes) => {
    const errors: unknown[] = [];
    const { records, requests } = await processes.takeOver((error) => errors.push(error));
    await set(records, { n: Buffer.from("0") });
    for (const hasTakenIt of [false, true]) {
      const told = errors.length;
      requests.intercept = async (call, key, go) => {
        if (hasTakenIt && isEntryPut(call, key)) await go();
        throw outage();
      };
      const order: number[] = [];
      const sets = [1, 2, 3].map(async (n) => {
        await set(records, { n: Buffer.from(String(n)), [`${hasTakenIt} ${n}`]: Buffer.from("x") });
        order.push(n);
      });
      await expect.poll(() => errors.length, PATIENT).toBeGreaterThan(told);
      expect(order).toEqual([]);
      expect(String(records.get("n"))).toBe("3");
      requests.passAll();
      await Promise.all(sets);
      expect(order).toEqual([1, 2, 3]);
      expect(Object.keys(await processes.stored())).toHaveLength(hasTakenIt ? 7 : 4);
    }
    await records.close();
    expect(all((await processes.takeOver()).records)).toMatchObject({ n: "3" });
  },

  "of a holder that was overtaken write nothing more": async (processes) => {
    const first = await processes.takeOver();
    await set(first.records, { a: Buffer.from("first") });
    const second = await processes.takeOver();
    await set(second.records, { a: Buffer.from("second") });
    const lost: string[] = [];
    first.records.lost.addEventListener("abort", () => lost.push("lost"));
    const refused = [{ a: Buffer.from("late") }, { large: noise(LARGE_BYTES, 3) }].map((values) =>
      set(first.records, values).catch((error: { code: string }) => lost.push(error.code)),
    );
    await Promise.all(refused);
    expect(lost).toEqual(["lost", "LEASE_LOST", "LEASE_LOST"]);
    await expect(set(first.records, { a: Buffer.from("later") })).rejects.toMatchObject({ code: "LEASE_LOST" });
    await set(second.records, { b: Buffer.from("second") });
    const values = { a: Buffer.from("second"), b: Buffer.from("second") };
    expect(await processes.stored()).toEqual(shown(values));
    await second.records.close();
    expect(all((await processes.takeOver()).records)).toEqual(shown(values));
  },

  "leave nothing for good that a dead holder has begun": async (processes) => {
    const first = await processes.takeOver();
    await set(first.records, { a: Buffer.from("1") });
    // It dies with the chunks of a large set in the store, and no entry.
    first.requests.intercept = async (call, key, go) => {
      if (call !== "put" || isEntryPut(call, key)) throw outage();
      return await go();
    };
    const never = set(first.records, { large: noise(LARGE_BYTES, 4) });
    never.catch(() => {});
    await expect.poll(async () => (await processes.keys("chunks")).length, PATIENT).toBeGreaterThan(1);
    const begun = await processes.keys("chunks");
    first.requests.intercept = async () => {
      throw outage();
    };
    const second = await processes.takeOver();
    expect(all(second.records)).toEqual({ a: "1" });
    await setUntilGone(processes, second.records, begun);
  },

  "are shown to nobody without the key": async (processes) => {
    const { records } = await processes.takeOver();
    const secrets = { folded: noise(100, 5), large: noise(LARGE_BYTES, 6).subarray(0, 100), loose: noise(100, 7) };
    await set(records, { "the name of a record": secrets.folded });
    for (let n = 0; (await processes.keys("chunks")).length === 0; n++) {
      await set(records, { n: Buffer.from(String(n)) });
      await setImmediate();
    }
    await set(records, { large: noise(LARGE_BYTES, 6) });
    await set(records, { loose: secrets.loose });
    const { found, areHidden } = await processes.traces({ ...secrets, key: "the name of a record" });
    expect(found).toEqual(areHidden ? [] : ["folded", "key", "large", "loose"]);
  },

  "are stored when they are closed, and given back at once": async (processes) => {
    const { records } = await processes.takeOver();
    const sets = ["1", "2"].map((a) => set(records, { a: Buffer.from(a) }));
    await records.close();
    await Promise.all(sets);
    await expect(set(records, { a: Buffer.from("3") })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await processes.stored()).toEqual({ a: "2" });
  },
};

function set(records: SessionRecords, values: Values): Promise<void> {
  return records.set(Object.entries(values));
}

/** Sets a record again and again until none of these chunks is left. */
async function setUntilGone(processes: Processes, records: SessionRecords, chunks: readonly string[]): Promise<void> {
  for (let n = 0; (await processes.keys("chunks")).some((key) => chunks.includes(key)); n++) {
    await set(records, { n: Buffer.from(String(n)) });
    await setTimeout(20);
  }
}

function all(records: SessionRecords): Shown {
  return shown(Object.fromEntries(records.keys().map((key) => [key, records.get(key)])));
}

function shown(values: Values): Shown {
  const text = (value: Buffer): string =>
    value.length < 40 ? value.toString("latin1") : createHash("sha256").update(value).digest("hex");
  return Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value ? [[key, text(value)]] : [])));
}
