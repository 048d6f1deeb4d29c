import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LAST_WAIT_MS } from "../../../lib/auth/lines.ts";
import { chooseProfile } from "../../../lib/auth/local/choose-profile.ts";
import { ProfileSaver } from "../../../lib/auth/saving/profile-saver.ts";
import type { StoreSession } from "../../../lib/auth/store/store-session.ts";
import { VaultError } from "../../../lib/errors.ts";
import type { RestoreReport, SaveReport } from "../../../lib/store.ts";
import { writeFiles } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { type Gate, gate } from "../../support/gate.ts";
import { linkedProfile } from "../support/linked-profile.ts";

// Sessions of one process that are saved, or started, at the same moment.

const SESSIONS = 12;
const AT_ONCE = 4;

let dir: string;
const newFolder = useFolder();
beforeEach(() => {
  dir = newFolder();
  // How long a session has worked, or waited, is for the tests to say.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => void vi.useRealTimers());

const names = Array.from({ length: SESSIONS }, (_, index) => `session ${index}`);
const saved: SaveReport = {
  ...{ generation: 1, id: "saved", unchanged: false, files: 0, bytes: 0, bytesSent: 0 },
  ...{ chunksSent: 0, chunksReused: 0, captureMs: 0, ms: 0 },
};

/** The store of all sessions, which answers a save or a restore when the test says so. */
function slowStore() {
  const gates = new Map<string, Gate>();
  const asked: string[] = [];
  const answer = async (name: string): Promise<void> => {
    asked.push(name);
    const door = gate();
    gates.set(name, door);
    await door.opened;
  };
  const session = (name: string): StoreSession => {
    const calls: Partial<StoreSession> = {
      lost: new AbortController().signal,
      open: async () => ({ kind: "current", id: "stored", generation: 1 }),
      save: async () => {
        await answer(name);
        return saved;
      },
      restore: async (): Promise<RestoreReport> => {
        await answer(name);
        throw new VaultError("UNAVAILABLE", `${name} was asked for.`);
      },
    };
    return calls as StoreSession;
  };
  /** Waits until so many were asked for, and for anybody who would come too early. */
  const untilAsked = async (count: number): Promise<void> => {
    await expect.poll(() => asked.length).toBe(count);
    for (let turn = 0; turn < 50; turn++) await setImmediate();
    expect(asked).toHaveLength(count);
  };
  /** Answers all sessions, the one that was asked for first each time when as many as may work at once are asked for. */
  const answerAll = async (): Promise<void> => {
    for (let count = AT_ONCE; count <= SESSIONS; count++) {
      await untilAsked(count);
      const [first = ""] = gates.keys();
      gates.get(first)?.open();
      gates.delete(first);
    }
    for (const door of gates.values()) door.open();
  };
  return { asked, gates, session, untilAsked, answerAll };
}

function saverOf(name: string, store: StoreSession, at = join(dir, name)): ProfileSaver {
  const linkedSince = performance.now() - 3_600_000;
  return new ProfileSaver({
    store,
    session: name,
    dir: at,
    linkedSince: () => linkedSince,
    browserRuns: () => true,
    wid: () => undefined,
    onSaved: () => {},
    onError: () => {},
    onWarning: () => {},
  });
}

it("saves a few sessions at once, and the others in the order in which they were asked for", async () => {
  const { asked, session, answerAll } = slowStore();
  for (const name of names) await writeFiles(join(dir, name), linkedProfile(name));
  const reports = names.map((name, index) => {
    const saver = saverOf(name, session(name));
    const { signal } = new AbortController();
    // The first save of a run, or a later one.
    return index % 2 === 0 ? saver.next(signal) : saver.nextWhenReady(signal);
  });
  await answerAll();
  await Promise.all(reports);
  // Among those that work at once, the order is theirs.
  for (const [index, name] of asked.entries()) {
    expect(Math.abs(names.indexOf(name) - index), `${name} came as number ${index}`).toBeLessThan(AT_ONCE);
  }
});

it("shares one save among calls for a session that waits for its turn, and ends the wait when it is aborted", async () => {
  const { asked, gates, session, untilAsked } = slowStore();
  for (const name of names) await writeFiles(join(dir, name), linkedProfile(name));
  const { signal } = new AbortController();
  const working = names.slice(0, AT_ONCE).map((name) => saverOf(name, session(name)).next(signal));
  await untilAsked(AT_ONCE);
  const [name = ""] = names.slice(AT_ONCE);
  const saver = saverOf(name, session(name));
  const stop = new AbortController();
  const stopped = saver.next(stop.signal);
  await setImmediate();
  const shared = saver.next(signal);
  const reason = new VaultError("CANCELLED", "The client stops.");
  stop.abort(reason);
  await expect(stopped).rejects.toBe(reason);
  await expect(shared).rejects.toBe(reason);
  await saver.idle();
  const later = saver.next(signal);
  for (const door of gates.values()) door.open();
  await Promise.all(working);
  await untilAsked(AT_ONCE + 1);
  gates.get(name)?.open();
  await later;
  expect(asked.filter((each) => each === name)).toHaveLength(1);
});

it("makes a last save soon, whatever the stores of the other sessions do, and any save once they are slow", async () => {
  const { asked, gates, session, untilAsked } = slowStore();
  for (const name of names) await writeFiles(join(dir, name), linkedProfile(name));
  const { signal } = new AbortController();
  const save = (name: string, waitMs?: number): Promise<SaveReport> =>
    saverOf(name, session(name)).next(signal, waitMs);
  const saves = names.slice(0, AT_ONCE).map((name) => save(name));
  await untilAsked(AT_ONCE);
  const [last = "", other = ""] = names.slice(AT_ONCE);
  saves.push(save(other), save(last, LAST_WAIT_MS));
  await untilAsked(AT_ONCE);
  vi.advanceTimersByTime(LAST_WAIT_MS);
  await untilAsked(AT_ONCE + 1);
  expect(asked.at(-1)).toBe(last);
  vi.advanceTimersByTime(3_000);
  await untilAsked(AT_ONCE + 2);
  for (const door of gates.values()) door.open();
  expect(await Promise.all(saves)).toHaveLength(AT_ONCE + 2);
});

it("restores a few sessions at once at a start of many, and a store that gives no answer holds up no other start", async () => {
  const { asked, session, answerAll } = slowStore();
  const opened = gate();
  const start = async (name: string, store: StoreSession): Promise<unknown> => {
    await mkdir(join(dir, name));
    const { signal } = new AbortController();
    const lock = { check: async () => {} } as Parameters<typeof chooseProfile>[0]["lock"];
    const options = { store, session: name, dir: join(dir, name), lock, signal, onWarning: () => {}, refused: {} };
    return await chooseProfile(options).catch((error: Error) => error.message);
  };
  const silent = names.slice(0, AT_ONCE).map((name) => {
    const store = session(name);
    store.open = () => opened.opened.then(() => ({ kind: "absent" }));
    return start(`silent ${name}`, store);
  });
  const starts = names.map((name) => start(name, session(name)));
  await answerAll();
  expect(await Promise.all(starts)).toEqual(names.map((name) => `${name} was asked for.`));
  expect([...asked].sort()).toEqual([...names].sort());
  opened.open();
  await Promise.all(silent);
});
