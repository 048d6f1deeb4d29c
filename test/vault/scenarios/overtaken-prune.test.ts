import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { entryKey, logPrefix } from "../../../lib/vault/layout.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf, type Files, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { takeOver } from "../../support/take-over.ts";
import { holdBack, type Late, Requests } from "../support/requests.ts";

const session = "RemoteAuth-bot";
const DAY = 24 * 60 * 60 * 1000;
const table: Files = { "Default/a.ldb": noise(600_000) };

const folder = useFolder();
let backend: MemoryBlobs;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  backend = new MemoryBlobs();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A process, with a line to the backend of its own. */
class Process {
  readonly requests: Requests = new Requests(backend);
  readonly store: Vault;
  #lease: Lease | undefined;

  constructor(options: VaultOptions = {}) {
    this.store = new Vault({ blobs: this.requests, retries: 0, onWarning: () => {}, ...options });
  }

  get lease(): Lease {
    if (!this.#lease) throw new Error("nothing was taken");
    return this.#lease;
  }

  /** Takes the session from whichever holder, or the session that nobody has. */
  async take({ isFree = false }: { isFree?: boolean } = {}): Promise<void> {
    this.#lease = isFree ? await this.store.acquire({ session }) : await takeOver(this.store, session);
  }

  save(value: string, more: Files = {}): Promise<SaveReport> {
    return this.store.saveProfile({ session, lease: this.lease, capture: captureOf(profileFiles(value, more)) });
  }

  prune(): Promise<void> {
    return this.store.prune({ session, lease: this.lease });
  }

  /**
   * Stops this process within its next listing of the session, when the log was listed and the chunks are not: what comes
   * meanwhile may be listed or not.
   */
  stopsWithinListing(): { stopped: Promise<void>; goOn: () => void } {
    const [stopped, go] = [gate(), gate()];
    const { requests } = this;
    const list = requests.list.bind(requests);
    requests.list = async function* (prefix, options) {
      requests.list = list;
      yield* list(logPrefix(session), options);
      stopped.open();
      await go.opened;
      for await (const info of list(prefix, options)) if (!info.key.startsWith(logPrefix(session))) yield info;
    };
    return { stopped: stopped.opened, goOn: go.open };
  }

  /** Stops this process before its next request of this kind. @returns a promise that it has stopped */
  stopsBefore(name: string, part: string): { stopped: Promise<void>; goOn: () => void } {
    const [stopped, go] = [gate(), gate()];
    const at = this.requests;
    at.intercept = async (call, key, work) => {
      if (call !== name || !key.includes(part)) return work();
      at.passAll();
      stopped.open();
      await go.opened;
      return work();
    };
    return { stopped: stopped.opened, goOn: go.open };
  }
}

async function restored(): Promise<number> {
  const report = await new Process().store.restoreProfile({ session, into: folder() });
  expect(report.skipped).toEqual([]);
  return report.generation;
}

/** A prune of a process that is overtaken. */
interface Overtaken {
  /** An entry that was given up before; its number was that of a generation, and is free again. */
  readonly late: Late;
  /** The generation that is current now. */
  readonly newest: number;
  /** Lets the prune go on. @returns how it ends: the code of its error, or `done` */
  end(): Promise<string>;
}

/** Before the prune reads a generation, another process takes the session and prunes that generation. */
async function overtaken(): Promise<Overtaken> {
  const [first, sleepy, next] = [new Process(), new Process(), new Process({ keep: 1 })];
  await first.take();
  const zero = await first.save("zero");
  const late = holdBack(first.requests);
  const marking = first.store.mark({ session, lease: first.lease, generation: zero.generation, as: "proven" });
  await expect(marking).rejects.toMatchObject({ code: "UNAVAILABLE" });
  first.requests.passAll();
  const { generation } = await first.save("two", table);
  await sleepy.take();
  const sleep = sleepy.stopsBefore("get", entryKey(session, generation));
  const pruning = sleepy.prune();
  await sleep.stopped;
  await next.take();
  let newest = 0;
  for (const value of ["a", "b", "c", "d"]) {
    vi.setSystemTime(Date.now() + 2 * DAY);
    newest = (await next.save(value, table)).generation;
  }
  await next.prune();
  const end = async (): Promise<string> => {
    sleep.goOn();
    return await pruning.then(
      () => "done",
      ({ code }) => code,
    );
  };
  return { late, newest, end };
}

describe("a prune that sleeps while another process takes the session and prunes it", () => {
  it("deletes no chunk for a generation that is gone: the current one may need it", async () => {
    const { newest, end } = await overtaken();
    const ending = await end();
    expect(await restored()).toBe(newest);
    expect(ending).toBe("LEASE_LOST");
  });

  it("takes no entry that comes late to the number of a generation for that generation", async () => {
    const { late, newest, end } = await overtaken();
    await late.arrive();
    expect(await restored()).toBe(newest);
    const ending = await end();
    expect(await restored()).toBe(newest);
    expect(ending).toBe("LEASE_LOST");
  });

  it("deletes nothing that the other process has uploaded since", async () => {
    const [first, sleepy, next] = [new Process(), new Process(), new Process()];
    await first.take();
    await first.save("one");
    await sleepy.take();
    const sleep = sleepy.stopsWithinListing();
    const pruning = sleepy.prune();
    await sleep.stopped;
    await next.take();
    const { generation } = await next.save("two", table);
    sleep.goOn();
    await pruning;
    expect(await restored()).toBe(generation);
  });

  it("deletes nothing of another holder that has the same epoch, because the store has lost a hold", async () => {
    const [first, sleepy] = [new Process(), new Process()];
    await first.take();
    await first.save("one");
    await first.take();
    await backend.delete([entryKey(session, 4)]);
    await sleepy.take({ isFree: true });
    expect(sleepy.lease.epoch).toBe(first.lease.epoch);
    const sleep = sleepy.stopsWithinListing();
    const pruning = sleepy.prune();
    await sleep.stopped;
    const { generation } = await first.save("two", table);
    sleep.goOn();
    await pruning;
    expect(await restored()).toBe(generation);
  });
});
