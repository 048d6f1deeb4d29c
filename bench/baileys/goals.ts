import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { compiledScript } from "./bot-process.ts";
import { quantile } from "./compare.ts";
import type { Servers } from "./contenders.ts";
import { type Counts, countBotTraffic, countInserts, countSockets } from "./counts.ts";

/** What a process of goals-worker.ts does. */
export type GoalsRequest =
  | { readonly part: "sets"; readonly redisUrl: string; readonly count: number }
  | { readonly part: "memory"; readonly count: number }
  | { readonly part: "fill"; readonly directory: string; readonly bytes: number }
  | { readonly part: "open"; readonly directory: string };

/** Each has some of them. */
export interface GoalsResult {
  readonly setMs?: readonly number[];
  readonly tripMs?: readonly number[];
  readonly setsPerSecond?: number;
  readonly openMs?: number;
  /** By the clock, which also counts what else the machine does. */
  readonly longestBlockMs?: number;
  /** By the processor time of the main thread. */
  readonly longestTurnMs?: number | undefined;
  readonly requests?: number;
  readonly bytesReceived?: number;
  /** Memory that the open state has added. */
  readonly usedBytes?: number;
  readonly records?: number;
  readonly encodedBytes?: number;
}

/** One line of the table. */
export interface Goal {
  readonly figure: string;
  readonly goal: string;
  readonly measured: string;
  readonly isMet: boolean;
}

export interface GoalsOptions {
  readonly servers: Servers;
  /** An empty folder. */
  readonly folder: string;
  /** How much is counted: 1 is for the page, a hundredth for a test. @default 1 */
  readonly scale?: number;
  readonly log: (line: string) => void;
}

const STORED_BYTES = 50e6;
/** Values of random Base64 are stored in about three quarters of their size. */
const FILL_BYTES = STORED_BYTES / 0.77;
const DELAY_MS = 5;
const OPENS = 5;

/** What sets cost in requests and bytes, by traffic. It needs no clock, and no server. */
export async function countGoals(scale = 1): Promise<Record<"sockets" | "bot" | "twenty" | "inserts", Counts>> {
  const messages = Math.ceil(10_000 * scale);
  const options = { contacts: Math.ceil(messages / 10), groups: 20, messages };
  return {
    sockets: await countSockets(Math.ceil(300 * scale)),
    bot: await countBotTraffic(options),
    twenty: await countBotTraffic({ ...options, atOnce: 20 }),
    inserts: await countInserts(Math.ceil(5_000 * scale)),
  };
}

/** All goals of the state, as they are met now. */
export async function measureGoals({ servers, folder, scale = 1, log }: GoalsOptions): Promise<Goal[]> {
  const counts = await countGoals(scale);
  log("counted");
  const count = Math.ceil(1_000 * scale);
  const near = await perform({ part: "sets", redisUrl: servers.redisUrl, count });
  const redisUrl = await servers.delayedRedis(DELAY_MS);
  const far = await perform({ part: "sets", redisUrl, count: Math.ceil(count / 2) });
  log("sets timed");
  const { setsPerSecond = 0 } = await perform({ part: "memory", count: 2 * count });
  const directory = join(folder, "stored");
  mkdirSync(directory, { recursive: true });
  await perform({ part: "fill", directory, bytes: FILL_BYTES * scale });
  log("filled");
  const opens: GoalsResult[] = [];
  for (let index = 0; index < OPENS; index++) opens.push(await perform({ part: "open", directory }));
  return [
    ...setGoals("Redis on the same host", near),
    ...setGoals(`Redis ${DELAY_MS} ms away`, far),
    ...callGoals("a real socket of 7.0.0-rc14", counts.sockets),
    ...callGoals("simulated traffic", counts.bot),
    atOnceGoal(counts.twenty),
    {
      figure: "sets a second, in memory",
      goal: ">= 2,000",
      measured: Math.round(setsPerSecond).toLocaleString("en-US"),
      isMet: setsPerSecond >= 2_000,
    },
    ...openGoals(opens),
    writtenGoal("bytes written / set, a real socket", counts.sockets, 2.5),
    writtenGoal("bytes written / set, simulated traffic", counts.bot, 2.5),
    writtenGoal("bytes written / set, only new records", counts.inserts, 6),
    ...memoryGoals(opens),
  ];
}

/** Each of these lines is a measurement, and the limit that it is held against. */
function setGoals(where: string, { setMs = [], tripMs = [] }: GoalsResult): Goal[] {
  const [trip50, set50, set99] = [quantile(tripMs, 0.5), quantile(setMs, 0.5), quantile(setMs, 0.99)];
  const trip99 = quantile(tripMs, 0.99);
  const beside = ` (a round trip: p50 ${ms(trip50)}, p99 ${ms(trip99)})`;
  return [
    {
      figure: `set, ${where}, p50`,
      goal: "one round trip + 0.5 ms",
      measured: ms(set50) + beside,
      isMet: set50 <= trip50 + 0.5,
    },
    {
      figure: `set, ${where}, p99`,
      goal: "two round trips (p99) + 2 ms",
      measured: ms(set99) + beside,
      isMet: set99 <= 2 * trip99 + 2,
    },
  ];
}

function callGoals(of: string, counts: Counts): Goal[] {
  const limits = { puts: 1.05, deletes: 1.05, gets: 0, lists: 0.1 };
  return Object.entries(limits).map(([name, limit]) => {
    const each = counts[name as keyof typeof limits] / counts.sets;
    return { figure: `${name} a set, ${of}`, goal: `<= ${limit}`, measured: each.toFixed(3), isMet: each <= limit };
  });
}

function atOnceGoal({ entries, sets }: Counts): Goal {
  const measured = `${sets.toLocaleString("en-US")} sets in ${entries.toLocaleString("en-US")} entries`;
  return { figure: "entries, 20 messages at once", goal: "<= sets / 5", measured, isMet: entries <= sets / 5 };
}

function writtenGoal(figure: string, { bytesPut, bytesSet }: Counts, limit: number): Goal {
  const ratio = bytesPut / bytesSet;
  return { figure, goal: `<= ${limit}`, measured: ratio.toFixed(2), isMet: ratio <= limit };
}

function openGoals(opens: readonly GoalsResult[]): Goal[] {
  const median = (name: "requests" | "openMs" | "bytesReceived"): number =>
    quantile(
      opens.map((one) => one[name] ?? Number.NaN),
      0.5,
    );
  const stored = `open, ${(median("bytesReceived") / 1e6).toFixed(0)} MB stored`;
  const byClock = Math.min(...opens.map(({ longestBlockMs = Number.NaN }) => longestBlockMs));
  const turns = opens.map(({ longestBlockMs = Number.NaN, longestTurnMs = longestBlockMs }) => longestTurnMs);
  const block = quantile(turns, 0.5);
  const requests = median("requests");
  return [
    {
      figure: `${stored}: requests`,
      goal: "<= 110",
      measured: `${requests}, in ${ms(median("openMs"))}`,
      isMet: requests <= 110,
    },
    {
      figure: `${stored}: longest block of the event loop`,
      goal: "<= 25 ms",
      measured: `${ms(block)} of processor time, ${ms(byClock)} by the clock`,
      isMet: block <= 25,
    },
  ];
}

function memoryGoals(opens: readonly GoalsResult[]): Goal[] {
  const [{ usedBytes = 0, encodedBytes = 0, records = 0 } = {}] = opens;
  const limit = 1.6 * encodedBytes + 200 * records;
  const measured = `${mb(usedBytes)} for ${mb(encodedBytes)} in ${records.toLocaleString("en-US")} records: ${(usedBytes / limit).toFixed(2)} of it`;
  return [
    {
      figure: "memory of an open state",
      goal: "<= 1.6 x encoded + 200 B a record",
      measured,
      isMet: usedBytes <= limit,
    },
  ];
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function perform(request: GoalsRequest): Promise<GoalsResult> {
  const child = fork(compiledScript("goals-worker.ts"), [JSON.stringify(request)], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let result: GoalsResult | undefined;
  child.on("message", (told: GoalsResult) => {
    result = told;
  });
  const [code] = await once(child, "exit");
  if (!result) throw new Error(`${request.part}: its process has ended (${code})`);
  return result;
}
