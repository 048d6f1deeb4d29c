import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as baileys from "baileys";
import { describe, expect, it } from "vitest";
import { migrateAuthState } from "../../../lib/baileys/index.ts";
import { differenceOf } from "../../../lib/baileys/migration/auth-records.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobStore, CallOptions, PutOptions } from "../../../lib/blobs.ts";
import { VaultError } from "../../../lib/errors.ts";
import { useFolder } from "../../support/folder.ts";
import { onlyLong, times } from "../../support/length.ts";
import { type Moment, tellSteps } from "../support/disk-steps.ts";
import { filesIn, multiFileOf } from "../support/multi-file.ts";
import { sampleState } from "../support/sample-state.ts";
import { open, storeOn } from "../support/states.ts";

const newFolder = useFolder();
const session = "Baileys-bot";

/** Blobs of which requests fail: before they take effect, or when only their answer is lost. */
class FailingBlobs implements BlobStore {
  readonly backend = new MemoryBlobs({ maxBlobBytes: 64 * 1024 });
  /** What each request goes through. */
  onRequest: (n: number, moment: Moment) => void = () => {};
  requests = 0;
  readonly traits: BlobStore["traits"] = (options) => this.backend.traits(options);

  async get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    return await this.#request(() => this.backend.get(key, options));
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    await this.#request(() => this.backend.put(key, bytes, options));
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    await this.#request(() => this.backend.delete(keys, options));
  }

  list: BlobStore["list"] = (prefix, options) => this.backend.list(prefix, options);

  async #request<T>(work: () => Promise<T>): Promise<T> {
    const n = this.requests++;
    this.onRequest(n, "before");
    const result = await work();
    this.onRequest(n, "after");
    return result;
  }
}

function away(): never {
  throw new VaultError("UNAVAILABLE", "no answer");
}

/** Whether a store has the whole session; `false` when it has none. Anything else is an error. */
async function isWhole(blobs: BlobStore, whole: ReadonlyMap<string, Buffer>): Promise<boolean> {
  const records = await storeOn(blobs).peekRecords({ session });
  if (records === undefined) return false;
  expect(differenceOf(records, whole)).toBeUndefined();
  return true;
}

describe("a migration to a store whose requests fail", () => {
  it.each<[string, Moment, boolean, number]>([
    ["one is not made", "before", false, 33],
    ["the answer of one is lost", "after", false, 33],
    ["all are not made from one on", "before", true, 33],
    ["the answers of all are lost from one on", "after", true, 33],
    ["of a set in many chunks, the answer of one is lost", "after", false, 400_000],
    ...onlyLong<[string, Moment, boolean, number]>(
      ["of a set in many chunks, one is not made", "before", false, 400_000],
      ["of a set in many chunks, all are not made from one on", "before", true, 400_000],
    ),
  ])(
    "K8: leaves the whole session or none, and goes on when it is called again: %s",
    async (_, moment, isLasting, bytes) => {
      const sample = sampleState(3);
      Object.assign(sample.records.session ?? {}, { "9.0": randomBytes(bytes) });
      const from = { multiFile: await multiFileOf(sample, join(newFolder(), "from")) };
      const good = new FailingBlobs();
      await migrateAuthState({ from, to: { store: storeOn(good), session: "bot" } });
      const whole = (await storeOn(good.backend).peekRecords({ session })) ?? new Map();
      const before = await filesIn(from.multiFile);
      const outcomes = new Set<string>();
      for (let at = 0; at < good.requests; at++) {
        const blobs = new FailingBlobs();
        const ending = new AbortController();
        blobs.onRequest = (n, when) => {
          if (when === moment && (isLasting ? n >= at : n === at)) away();
        };
        // What is tried again for ever is given up.
        const onError = (): void => {
          if (isLasting) ending.abort(new Error("enough"));
        };
        const to = { store: storeOn(blobs), session: "bot" };
        const result = await migrateAuthState({ from, to, onError, signal: ending.signal }).catch((error) => error);
        blobs.onRequest = () => {};
        const has = await isWhole(blobs.backend, whole);
        if (!(result instanceof Error)) expect(has).toBe(true);
        outcomes.add(`${result instanceof Error ? "rejected" : "resolved"}, ${has ? "whole" : "none"}`);
        // Of this process, which holds what it could not give back.
        await storeOn(blobs.backend).breakLease({ session });
        const again = await migrateAuthState({ from, to: { store: storeOn(blobs), session: "bot" } });
        expect(again).toMatchObject({ creds: { copied: !has }, verified: true });
        expect(await isWhole(blobs.backend, whole)).toBe(true);
      }
      expect(outcomes).toContain("rejected, none");
      expect(await filesIn(from.multiFile)).toEqual(before);
    },
  );
});

describe("a migration to a directory whose disk fails", () => {
  it.each<[string, Moment]>([
    ["a step is not made", "before"],
    ["a step is made and reports an error", "after"],
  ])("K8: leaves the whole directory or none, and goes on when it is called again: %s", async (_, moment) => {
    const from = { multiFile: await multiFileOf(sampleState(2), join(newFolder(), "from")) };
    const before = await filesIn(from.multiFile);
    let steps = 0;
    const good = join(newFolder(), "a", "to");
    await tellSteps(
      () => migrateAuthState({ from, to: { multiFile: good } }),
      () => steps++,
    );
    const whole = await filesIn(good);
    const outcomes = new Set<string>();
    // Each of the first and last ones, and some of those in between, which write files.
    const all = Array.from({ length: steps / 2 }, (_, at) => at);
    for (const at of all.filter((one) => one < 8 || one >= all.length - 8 || one % times(7, 1) === 0)) {
      const folder = join(newFolder(), "a");
      const to = { multiFile: join(folder, "to") };
      const fail = (n: number, when: Moment): void => {
        if (n === at && when === moment) throw Object.assign(new Error("full"), { code: "ENOSPC", syscall: "write" });
      };
      const result = await tellSteps(() => migrateAuthState({ from, to }), fail).catch((error) => error);
      const has = (await readdir(folder).catch((): string[] => [])).includes("to");
      if (has) expect(await filesIn(to.multiFile)).toEqual(whole);
      if (result instanceof Error) expect(result).toMatchObject({ code: "UNAVAILABLE" });
      outcomes.add(`${result instanceof Error ? "rejected" : "resolved"}, ${has ? "whole" : "none"}`);
      const again = await migrateAuthState({ from, to });
      expect(again).toMatchObject({ creds: { copied: !has }, verified: true });
      expect(await filesIn(to.multiFile)).toEqual(whole);
      expect(await readdir(folder)).toEqual(["to"]);
    }
    expect(outcomes).toContain("rejected, none");
    expect(await filesIn(from.multiFile)).toEqual(before);
  });
});

describe("a migration to a state that takes records one by one, and fails", () => {
  it.each<[string, Moment]>([
    ["a set is not made", "before"],
    ["a set is made and rejects", "after"],
  ])("K8: leaves no credentials, and never sessions without their mappings: %s", async (_, moment) => {
    const sample = sampleState(5);
    const from = { multiFile: await multiFileOf(sample, join(newFolder(), "from")) };
    let hasFailed = true;
    for (let at = 0; hasFailed; at++) {
      hasFailed = false;
      const folder = join(newFolder(), "to");
      const { state, saveCreds } = await baileys.useMultiFileAuthState(folder);
      let n = 0;
      const failing = async (work: () => unknown): Promise<void> => {
        const fails = n++ === at;
        hasFailed ||= fails;
        if (fails && moment === "before") away();
        await work();
        if (fails) away();
      };
      const set = (data: object): Promise<void> => failing(() => state.keys.set(data as never));
      const to = {
        state: { creds: state.creds, keys: { get: state.keys.get, set } },
        saveCreds: () => failing(saveCreds),
      };
      const result = await migrateAuthState({ from, to, batchSize: 2 }).catch((error) => error);
      const names = Object.keys(await filesIn(folder));
      const has = (prefix: string): number => names.filter((name) => name.startsWith(prefix)).length;
      if (has("session-") > 0) expect(has("lid-mapping-")).toBe(2);
      const isWhole = names.length === Object.keys(await filesIn(from.multiFile)).length;
      if (has("creds.json") > 0) expect(isWhole).toBe(true);
      if (!hasFailed) {
        expect(result).toMatchObject({ creds: { copied: true } });
        break;
      }
      expect(result).toMatchObject({ code: "UNAVAILABLE" });
      expect(state.creds.account).toBeUndefined();
      const later = await baileys.useMultiFileAuthState(folder);
      await migrateAuthState({ from, to: later });
      expect((await baileys.useMultiFileAuthState(folder)).state.creds.me?.name).toBe("Anna");
      expect(JSON.parse(await readFile(join(folder, "creds.json"), "utf8")).registrationId).toBe(
        sample.creds.registrationId,
      );
    }
  });

  it("goes into a store by one entry for each set, and the credentials last", async () => {
    const from = { multiFile: await multiFileOf(sampleState(5), join(newFolder(), "from")) };
    const store = storeOn(new MemoryBlobs());
    const bot = await open(store);
    const ending = new AbortController();
    const onProgress = ({ step, records, total }: { step: string; records: number; total?: number }): void => {
      if (step === "writing" && records === total) ending.abort(new Error("killed"));
    };
    await expect(migrateAuthState({ from, to: bot, onProgress, signal: ending.signal })).rejects.toThrow("killed");
    await bot.close();
    expect((await store.peekRecords({ session }))?.has("creds")).toBe(false);
    const report = await migrateAuthState({ from, to: { store, session: "bot" } });
    // The app state key is in the form that files have.
    const total = Object.values(report.counts).reduce((sum, count) => sum + count, 0);
    expect(report).toMatchObject({ creds: { copied: true }, skipped: { existing: total - 1 } });
  });
});
