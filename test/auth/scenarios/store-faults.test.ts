import { EventEmitter } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeMarker } from "../../../lib/auth/local/marker.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../../lib/blobs.ts";
import { VaultError, type VaultErrorCode } from "../../../lib/errors.ts";
import type { SessionState } from "../../../lib/store.ts";
import { SESSIONS_PREFIX } from "../../../lib/vault/layout.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, writeFiles } from "../../contract/profile.ts";
import { BLOBS } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { onlyLong } from "../../support/length.ts";
import { linkedProfile, olderProfile, sessionOf } from "../support/linked-profile.ts";

const session = "RemoteAuth";
const stored = { ...linkedProfile("stored"), [`${BLOBS}/1/00/1`]: noise(300_000) };

/** One that may pass, one that makes a restore look at older generations, and those that are told as they are. */
const CODES: readonly VaultErrorCode[] = [
  "UNAVAILABLE",
  "CORRUPT",
  ...onlyLong("DENIED" as const, "INVALID" as const, "TOO_LARGE" as const, "WRONG_KEY" as const),
];
const STEPS = ["get", "list", "put"] as const;
type Step = (typeof STEPS)[number];

/** A backend on which a step fails from its n-th call on. */
class FailingBlobs implements BlobStore {
  readonly #blobs: BlobStore;
  readonly #step: Step;
  readonly #error: VaultError;
  #left: number;
  /** Keys and prefixes of the calls that failed. */
  readonly failed: string[] = [];

  constructor(blobs: BlobStore, step: Step, code: VaultErrorCode, nth: number) {
    this.#blobs = blobs;
    this.#step = step;
    this.#error = new VaultError(code, `Could not ${step}: so the test wants it.`, { retryable: false });
    this.#left = nth - 1;
  }

  async traits(options?: CallOptions): Promise<BlobTraits> {
    return await this.#blobs.traits(options);
  }

  async get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    this.#pass("get", key);
    return await this.#blobs.get(key, options);
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    this.#pass("put", key);
    await this.#blobs.put(key, bytes, options);
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<BlobInfo> {
    this.#pass("list", prefix);
    yield* this.#blobs.list(prefix, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    await this.#blobs.delete(keys, options);
  }

  #pass(step: Step, key: string): void {
    if (step !== this.#step || this.#left-- > 0) return;
    this.failed.push(key);
    throw this.#error;
  }
}

let dataPath: string;
let dir: string;
let blobs: MemoryBlobs;
let unhandled: unknown[];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
  dir = join(dataPath, session);
  blobs = new MemoryBlobs();
  unhandled = [];
  process.on("unhandledRejection", onUnhandled);
});
afterEach(async () => {
  process.off("unhandledRejection", onUnhandled);
});

/** @returns the id and the number of the stored generation */
async function store(): Promise<{ id: string; generation: number }> {
  const vault = new Vault({ blobs });
  const lease = await vault.acquire({ session });
  const { id, generation } = await vault.saveProfile({ session, lease, capture: captureOf(stored) });
  await lease.release();
  return { id, generation };
}

/** What is stored, except leases: they come and go with every start. */
async function content(): Promise<Files> {
  const found: Record<string, Buffer> = {};
  for (const prefix of [`${session}/`, SESSIONS_PREFIX]) {
    for await (const { key } of blobs.list(prefix)) {
      if (!isOfLease(key)) found[key] = (await blobs.get(key)) ?? Buffer.alloc(0);
    }
  }
  return found;
}

function isOfLease(key: string): boolean {
  return key.startsWith(`${session}/lease/`);
}

/** The state of the session, without its leases. */
async function whatIsStored(): Promise<Pick<SessionState, "current" | "generations" | "deleted">> {
  const { current, generations = [], deleted } = (await new Vault({ blobs }).state({ session })) ?? {};
  return { generations, ...(current && { current }), ...(deleted && { deleted }) };
}

async function isTaken(): Promise<boolean> {
  return (await new Vault({ blobs }).state({ session }))?.lease !== undefined;
}

/** The local profile before a start, and the profile that the start must open. */
const situations: Record<string, () => Promise<Files>> = {
  "a profile that descends from the stored version": async () => {
    const profile = linkedProfile("local");
    await writeFiles(profile, dir);
    const history = [await store()];
    await writeMarker(dir, { session, history, isSuperseded: false, refusedCredentials: undefined });
    return profile;
  },
  "a profile older than the stored version": async () => {
    await store();
    await writeFiles(olderProfile("local", session), dir);
    return stored;
  },
  "a profile that was never stored": async () => {
    const profile = linkedProfile("local");
    await writeFiles(profile, dir);
    return profile;
  },
  "no profile, and one stored": async () => {
    await store();
    return stored;
  },
};

/** One start, up to the moment a browser would be started. */
async function start(failing: BlobStore): Promise<{ strategy: RemoteAuth; error: unknown; events: string[] }> {
  const vault = new Vault({ blobs: failing, retries: 0, onWarning: () => {} });
  const strategy = new RemoteAuth({ store: vault, dataPath, backupSyncIntervalMs: 60_000 });
  const client = Object.assign(new EventEmitter(), { options: { puppeteer: {} } });
  const events: string[] = [];
  for (const name of ["restored", "error", "lost", "deleted"]) {
    client.on(`remote_session_${name}`, () => events.push(name));
  }
  strategy.setup(client as never);
  const error = await strategy.beforeBrowserInitialized().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return { strategy, error, events };
}

describe.each(Object.entries(situations))("with %s, a start on a store", (_, prepare) => {
  const table = STEPS.flatMap((step) => CODES.map((code) => [step, code] as const));

  it.each(table)(
    "that fails to %s with %s from the first, second or a later call on throws that error and changes nothing",
    async (step, code) => {
      const opens = await prepare();
      const local = await filesIn(dataPath);
      const known = await whatIsStored();
      let nth = 1;
      for (; ; nth++) {
        // The release of the lease may have failed as well.
        if (nth > 1 && (await isTaken())) await new Vault({ blobs }).breakLease({ session });
        const before = await content();
        const failing = new FailingBlobs(blobs, step, code, nth);
        const { strategy, error, events } = await start(failing);
        // It was not needed that often, or for the lease only, which a start can do without. What failed has done no harm.
        if (error === undefined) {
          expect(failing.failed.filter((key) => step !== "put" || !isOfLease(key))).toEqual([]);
          assertSameFiles(sessionOf(await filesIn(dir)), opens);
          const ends = failing.failed.length === 0;
          await strategy.destroy();
          if (ends) break;
          continue;
        }
        expect(error).toMatchObject({ code });
        await strategy.destroy();
        expect(events).toEqual([]);
        assertSameFiles(await filesIn(dataPath), local);
        expect(await whatIsStored()).toEqual(known);
        const { added, kept } = compare(await content(), before);
        assertSameFiles(kept, before);
        // A start that took the session has said so in the log, and written nothing else.
        expect(added.filter((key) => !key.startsWith(`${session}/log/`) && !key.startsWith(SESSIONS_PREFIX))).toEqual(
          [],
        );
        if (nth === 1) expect(added).toEqual([]);
      }
      expect(nth).toBeGreaterThan(1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    },
  );
});

function compare(after: Files, before: Files): { added: string[]; kept: Files } {
  const entries = Object.entries(after);
  return {
    added: entries.map(([key]) => key).filter((key) => !(key in before)),
    kept: Object.fromEntries(entries.filter(([key]) => key in before)),
  };
}
