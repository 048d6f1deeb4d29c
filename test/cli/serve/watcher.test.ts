import { describe, expect, it, vi } from "vitest";
import { Faults } from "../../../cli/serve/faults.ts";
import { type Update, Watcher } from "../../../cli/serve/watcher.ts";
import { VaultError } from "../../../lib/errors.ts";
import { gate } from "../../support/gate.ts";
import { ScriptedStore } from "./support/scripted-store.ts";
import { shownSessions } from "./support/shown-sessions.ts";

const OUTAGE = new VaultError("UNAVAILABLE", "Could not list: the bucket does not answer.");

const faults = new Faults(() => {});

/** Resolves with the first update that is as wanted. */
function until(watcher: Watcher, isWanted: (update: Update) => boolean): Promise<Update> {
  return new Promise((resolve) => {
    const end = watcher.watch((update) => {
      if (!isWanted(update)) return;
      end();
      resolve(update);
    });
  });
}

describe("the watcher of a store", () => {
  it("looks once for all who watch, and not at all when nobody does", async () => {
    const store = new ScriptedStore(shownSessions());
    const shut = gate();
    store.gate = shut.opened;
    const watcher = new Watcher(store, faults, { everyMs: 60_000 });
    expect(store.listings).toBe(0);
    const told = Array.from({ length: 40 }, () => vi.fn());
    const ends = told.map((one) => watcher.watch(one));
    shut.open();
    await vi.waitFor(() => expect(told.every((one) => one.mock.calls.length === 1)).toBe(true));
    expect(store.listings).toBe(1);
    for (const end of ends) end();
    expect(watcher.viewers).toBe(0);
    // Whoever comes next within the time is served by what is known.
    watcher.watch(() => {})();
    expect((await watcher.fresh()).sessions.size).toBe(10);
    expect(store.listings).toBe(1);
    watcher.close();
  });

  it("stops when the last viewer goes, and goes on with the next one", async () => {
    const store = new ScriptedStore(shownSessions());
    const watcher = new Watcher(store, faults, { everyMs: 1 });
    await until(watcher, () => store.listings >= 3);
    // A look that had begun may still end.
    await watcher.lookAnew();
    const known = store.listings;
    // For as long as another one takes that somebody watches.
    const other = new ScriptedStore();
    const watched = new Watcher(other, faults, { everyMs: 1 });
    await until(watched, () => other.listings >= 10);
    watched.close();
    expect(store.listings).toBe(known);
    await until(watcher, () => store.listings > known);
    watcher.close();
  });

  it("tells what has changed, and nothing of leases that were only renewed", async () => {
    const store = new ScriptedStore(shownSessions(1_000));
    const watcher = new Watcher(store, faults, { everyMs: 1 });
    const first = await until(watcher, ({ changed }) => changed.length > 0);
    expect(first.changed).toHaveLength(10);
    store.sessionsNow = store.sessionsNow.map(({ summary, ...rest }) => {
      if (summary.lease === undefined) return { summary, ...rest };
      return { ...rest, summary: { ...summary, lease: { ...summary.lease, expiresAt: new Date(2_000) } } };
    });
    await watcher.lookAnew();
    const [gone, ...left] = store.sessionsNow;
    const next = until(watcher, ({ changed, removed }) => changed.length + removed.length > 0);
    store.sessionsNow = left;
    expect(await next).toMatchObject({ changed: [], removed: [gone?.summary.session] });
    watcher.close();
  });

  it("keeps what was known while the store is away, says since when and why, and comes back", async () => {
    const store = new ScriptedStore(shownSessions());
    const watcher = new Watcher(store, faults, { everyMs: 1 });
    const { checkedAt } = await until(watcher, ({ changed }) => changed.length > 0);
    const before = Date.now();
    store.failure = OUTAGE;
    const away = await until(watcher, (update) => update.away !== undefined);
    expect(away.away).toMatchObject({ code: "UNAVAILABLE", message: OUTAGE.message });
    expect(away.sessions.size).toBe(10);
    expect(Number(away.checkedAt)).toBeGreaterThanOrEqual(Number(checkedAt));
    const { since } = away.away ?? {};
    expect(Number(since)).toBeGreaterThanOrEqual(Number(checkedAt));
    // Since when it is away stays the same, however often it is asked.
    await watcher.lookAnew();
    expect(watcher.snapshot.away?.since).toEqual(since);
    store.failure = undefined;
    const back = await until(watcher, (update) => update.away === undefined);
    expect(Number(back.checkedAt)).toBeGreaterThanOrEqual(before);
    watcher.close();
  });

  it("asks a store that is away less and less often", async () => {
    const store = new ScriptedStore();
    store.failure = OUTAGE;
    const watcher = new Watcher(store, faults, { everyMs: 40 });
    const times: number[] = [];
    await until(watcher, () => times.push(performance.now()) >= 4);
    const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    // Timers are never early: after one failure 40 ms, then 80 ms, then 160 ms.
    for (const [at, least] of [39, 79, 159].entries()) expect(pauses[at]).toBeGreaterThanOrEqual(least);
    watcher.close();
  });

  it("says that a store is away which says nothing, while it is still waited for", async () => {
    const store = new ScriptedStore(shownSessions());
    const shut = gate();
    store.gate = shut.opened;
    const watcher = new Watcher(store, faults, { everyMs: 1, lateMs: 5 });
    expect((await until(watcher, () => true)).away).toMatchObject({ code: "UNAVAILABLE" });
    expect(store.listings).toBe(1);
    const back = until(watcher, ({ away }) => away === undefined);
    shut.open();
    expect((await back).sessions.size).toBe(10);
    watcher.close();
  });

  it("calls each session by what a person must know first", async () => {
    const watcher = new Watcher(new ScriptedStore(shownSessions()), faults, {
      everyMs: 1_000,
      olderThanMs: 86_400_000,
    });
    const { sessions } = await watcher.fresh();
    expect(Object.fromEntries([...sessions].map(([name, { status }]) => [name, status]))).toEqual({
      "RemoteAuth-support": "running",
      "RemoteAuth-sales": "running",
      "RemoteAuth-night-desk": "running",
      "Baileys-orders": "running",
      "Baileys-alerts": "running",
      "RemoteAuth-billing": "interrupted",
      "RemoteAuth-branch-lisbon": "stored",
      "RemoteAuth-branch-porto": "old",
      "RemoteAuth-archive": "unreadable",
      "RemoteAuth-old-hotline": "deleted",
    });
    watcher.close();
  });

  it("tells viewers no text of a fault that is no error of the store, and tells the fault once", async () => {
    const store = new ScriptedStore(shownSessions());
    store.failure = new TypeError("Cannot read properties of undefined, in /home/someone/bot/node_modules/x.js");
    const told: [id: string, fault: unknown][] = [];
    const own = new Faults((id, fault) => void told.push([id, fault]));
    const watcher = new Watcher(store, own, { everyMs: 1 });
    const first = await until(watcher, ({ away }) => away !== undefined);
    const listings = store.listings;
    await until(watcher, () => store.listings > listings + 1);
    expect(told).toEqual([[expect.stringMatching(/^[0-9a-f]{8}$/), store.failure]]);
    expect(first.away).toMatchObject({ code: "UNKNOWN", message: expect.stringContaining(`fault ${told[0]?.[0]}.`) });
    expect(JSON.stringify(watcher.snapshot.away)).not.toMatch(/someone|undefined/);
    watcher.close();
  });
});
