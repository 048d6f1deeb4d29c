import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { useVaultAuthState, type VaultAuthState } from "../../lib/baileys/index.ts";
import type { Processes } from "../../lib/vault/lease/owner.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { FakeTime } from "../../test/vault/support/fake-time.ts";
import { MeasuredBlobs } from "../../test/vault/support/measured-blobs.ts";
import { CountingBlobs, noCalls, noTraffic } from "../counting-blobs.ts";
import { measure } from "../measure.ts";
import { BotTraffic, type BotTrafficOptions } from "./bot-traffic.ts";
import { bytesOf, SESSION } from "./counts.ts";
import { LaterBlobs } from "./later-blobs.ts";
import type { RecordSet } from "./sample-records.ts";

const DAY_MS = 86_400_000;

/** One day of the bot. */
export interface DayFigures {
  readonly day: number;
  readonly contacts: number;
  /** Of all blobs, at most on this day. */
  readonly storedBytes: number;
  readonly objects: number;
  readonly entries: number;
  readonly sets: number;
  readonly putsPerSet: number;
  readonly deletesPerSet: number;
  readonly writtenPerSet: number;
  /** Of the start of this day: calls of the store, time, and the longest time in which the process did nothing else. */
  readonly openRequests: number;
  readonly openMs: number;
  readonly openBlockMs: number;
  /** Memory that the open state takes. */
  readonly memoryBytes: number;
}

export interface MonthOptions extends Pick<BotTrafficOptions, "contacts" | "groups"> {
  readonly days: number;
  readonly messagesPerDay: number;
  /** @default 24 hours */
  readonly dayMs?: number;
}

/** A process that has ended is known to be gone: no requests to the system, which need real time. */
const processes: Processes = { self: async () => ({ host: "a", pid: 1 }), isGone: async () => true };

/**
 * Days of a busy bot, by a simulated clock, on a store in memory: it starts anew each day, and talks day and night.
 */
export async function* simulateMonth(options: MonthOptions): AsyncGenerator<DayFigures> {
  const { days, messagesPerDay, dayMs = DAY_MS } = options;
  const time = new FakeTime();
  const blobs = new MeasuredBlobs();
  const [traffic, calls] = [noTraffic(), noCalls()];
  const counting = new CountingBlobs(new LaterBlobs(blobs), traffic, calls);
  const bot = new BotTraffic({ ...options, messages: days * messagesPerDay });
  let bytesSet = 0;
  let sets = 0;
  for (let day = 1; day <= days; day++) {
    const clock = time.clock();
    const store = new Vault({ blobs: counting }, { clock, processes });
    Object.assign(traffic, noTraffic());
    let opened: VaultAuthState | undefined;
    const before = await memory();
    const cost = await measure(async () => {
      opened = await useVaultAuthState({ store, session: SESSION });
    });
    const start = { openRequests: traffic.requests, openMs: cost.wallMs, openBlockMs: cost.delayMaxMs };
    const memoryBytes = Math.max(0, (await memory()) - before);
    if (!opened) throw new Error("no state");
    const { state, close } = opened;
    Object.assign(traffic, noTraffic());
    Object.assign(calls, noCalls());
    [sets, bytesSet] = [0, 0];
    const set = async (data: RecordSet): Promise<void> => {
      sets++;
      bytesSet += bytesOf(data);
      await state.keys.set(data as never);
    };
    if (day === 1) await set(bot.first());
    for (let message = 0; message < messagesPerDay; message++) {
      for (const data of bot.message()) await set(data);
      await time.advance(dayMs / messagesPerDay);
    }
    await set(bot.appState());
    await close();
    // The timers of a process end with it.
    clock.isPaused = true;
    const { bytes: storedBytes, objects, entries } = blobs.takeMost();
    const each = { putsPerSet: calls.puts / sets, deletesPerSet: calls.deletes / sets };
    const writtenPerSet = traffic.bytesSent / bytesSet;
    yield {
      day,
      contacts: bot.contacts,
      storedBytes,
      objects,
      entries,
      sets,
      ...each,
      writtenPerSet,
      ...start,
      memoryBytes,
    };
  }
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

async function memory(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate();
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
