// A part of the goals, in a process of its own. Started by goals.ts.
import { join } from "node:path";
import { Redis } from "ioredis";
import { FileBlobs } from "../../adapters/fs/index.ts";
import { MemoryStore } from "../../adapters/memory.ts";
import { RedisStore } from "../../adapters/redis/index.ts";
import { useVaultAuthState, type VaultAuthState } from "../../lib/baileys/index.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { CountingBlobs, noTraffic } from "../counting-blobs.ts";
import { mainMs, measure } from "../measure.ts";
import type { GoalsRequest, GoalsResult } from "./goals.ts";
import { roundTripsMs } from "./round-trip.ts";
import { contactId, contactRecords, type RecordSet, recordsOf, session } from "./sample-records.ts";

const SESSION = "bot";
/** How many sets of a fill are under way at once. */
const FILLS_AT_ONCE = 200;

const request = JSON.parse(process.argv[2] ?? "") as GoalsRequest;
process.send?.(await perform(request), () => process.disconnect());

async function perform(part: GoalsRequest): Promise<GoalsResult> {
  switch (part.part) {
    case "sets":
      return await sets(part.redisUrl, part.count);
    case "memory":
      return await setsInMemory(part.count);
    case "fill":
      return await fill(part.directory, part.bytes);
    case "open":
      return await open(part.directory);
  }
}

/** Sets and round trips in turn, so that both meet the same load. */
async function sets(redisUrl: string, count: number): Promise<GoalsResult> {
  const client = new Redis(redisUrl);
  const { state, close } = await useVaultAuthState({ store: new RedisStore({ client }), session: SESSION });
  const [setMs, tripMs]: [number[], number[]] = [[], []];
  for (let index = -count / 4; index < count; index++) {
    const [trip = 0] = await roundTripsMs(client, 1);
    const data = { session: { [contactId(Math.abs(index) % 100)]: session(1_000) } };
    const from = performance.now();
    await state.keys.set(data as never);
    // The first ones run code that is not compiled yet.
    if (index < 0) continue;
    setMs.push(performance.now() - from);
    tripMs.push(trip);
  }
  await close();
  client.disconnect();
  return { setMs, tripMs };
}

async function setsInMemory(count: number): Promise<GoalsResult> {
  const { state, close } = await useVaultAuthState({ store: new MemoryStore(), session: SESSION });
  const oneByOne = async (): Promise<number> => {
    const from = performance.now();
    for (let index = 0; index < count; index++) {
      await state.keys.set({ session: { [contactId(index % 500)]: session(1_000) } } as never);
    }
    return (1_000 * count) / (performance.now() - from);
  };
  const perSecond: number[] = [];
  for (let turn = 0; turn < 5; turn++) perSecond.push(await oneByOne());
  // What else the machine does can only take from it.
  const setsPerSecond = Math.max(...perSecond);
  await close();
  return { setsPerSecond };
}

async function fill(directory: string, bytes: number): Promise<GoalsResult> {
  const { state, close } = await openIn(directory);
  let waiting: Promise<void>[] = [];
  for (const records of recordsOf(bytes)) {
    waiting.push(state.keys.set(records as never));
    if (waiting.length < FILLS_AT_ONCE) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
  // As much as is loose at most, about, when a bot is killed.
  for (let index = 0; index < 40; index++) await state.keys.set(contactRecords(1_000_000 + index) as never);
  await close();
  return {};
}

/** Opens what {@link fill} has stored, in a process that has done nothing else. */
async function open(directory: string): Promise<GoalsResult> {
  const traffic = noTraffic();
  // Once without records, so that all code is loaded.
  await (await openIn(join(directory, "empty"))).close();
  const before = memory();
  let opened: VaultAuthState | undefined;
  let longestTurnMs: number | undefined;
  const cost = await measure(async () => {
    const turns = longestTurn();
    opened = await openIn(directory, traffic);
    longestTurnMs = turns.end();
  });
  const usedBytes = memory() - before;
  const { requests, bytesReceived } = traffic;
  const keys = opened?.state.keys as unknown as {
    listIds(type: string): AsyncIterable<string>;
    get(type: string, ids: string[]): Promise<RecordSet>;
  };
  const encoded = await encodedBytes(keys);
  await opened?.close();
  return {
    openMs: cost.wallMs,
    longestBlockMs: cost.delayMaxMs,
    longestTurnMs,
    requests,
    bytesReceived,
    usedBytes,
    ...encoded,
  };
}

async function encodedBytes(keys: {
  listIds(type: string): AsyncIterable<string>;
  get(type: string, ids: string[]): Promise<RecordSet>;
}): Promise<{ records: number; encodedBytes: number }> {
  const { bytesOf } = await import("./counts.ts");
  let [records, encoded] = [0, 0];
  for (const type of ["session", "identity-key", "lid-mapping", "device-list", "tctoken", "sender-key", "pre-key"]) {
    for await (const id of keys.listIds(type)) {
      records++;
      encoded += bytesOf({ [type]: { [id]: (await keys.get(type, [id]))[id] } });
    }
  }
  return { records, encodedBytes: encoded };
}

async function openIn(directory: string, traffic = noTraffic()): Promise<VaultAuthState> {
  const store = new Vault({ blobs: new CountingBlobs(new FileBlobs({ directory }), traffic) });
  return await useVaultAuthState({ store, session: SESSION });
}

/**
 * The most processor time that the main thread has spent between two timers: a block of the event loop, whatever else the
 * machine does. `undefined` where the system does not tell it.
 */
function longestTurn(): { end(): number | undefined } {
  let longest = 0;
  let last = mainMs();
  const look = (): void => {
    const now = mainMs();
    longest = Math.max(longest, (now ?? Number.NaN) - (last ?? Number.NaN));
    last = mainMs();
  };
  const timer = setInterval(look, 1);
  return {
    end() {
      clearInterval(timer);
      look();
      return Number.isNaN(longest) ? undefined : longest;
    },
  };
}

function memory(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
