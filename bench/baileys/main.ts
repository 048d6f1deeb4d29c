// npm run bench:baileys: the state of wa-vault for Baileys and others, side by side.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exitOnSignals } from "../../test/support/exit-on-signals.ts";
import { describeMachine, load } from "../machine.ts";
import { type Contender, compareOpens, compareSockets, type OpenRounds } from "./compare.ts";
import { onDirectory, onMysql, onRedis, type Servers, startServers } from "./contenders.ts";
import { measureGoals } from "./goals.ts";
import { killRounds, type Losses, twoAtOnce, withoutKills } from "./kills.ts";
import { type DayFigures, simulateMonth } from "./month.ts";
import { plotMonth } from "./plot-month.ts";
import { type BaileysReport, type Comparison, type LossesOf, markdown } from "./tables.ts";

const parts = ["compare", "kills", "goals", "month"] as const;
type Part = (typeof parts)[number];

const help = `npm run bench:baileys -- [parts] [options]
npm run bench:baileys -- --tables <files>

Parts: ${parts.join(", ")}; all of them when none is named.
  compare  set, get, receive, send and open of ours and of other states, in turn, with real sockets of 7.0.0-rc14
  kills    what each state loses when its process is killed, and when two processes use it
  goals    what ours costs in requests, bytes, memory and time, beside what it may cost
  month    a busy bot of thirty simulated days

  --rounds <n>      of each comparison; figures are medians (default: 7)
  --messages <n>    of each step of a round (default: 20)
  --places <list>   of the comparison: disk, near, far (default: all of them)
  --only <text>     of the kills: states whose name begins with it
  --kills <n>       of each state (default: 30)
  --days <n>        of the month (default: 30)
  --a-day <n>       messages of each day (default: 10000)
  --json <file>     write everything that was measured
  --tables          measure nothing: print what was written to these files with --json, as Markdown
  --plot <file>     draw the month
  --help            this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "7" },
    messages: { type: "string", default: "20" },
    places: { type: "string", default: "disk,near,far" },
    kills: { type: "string", default: "30" },
    only: { type: "string", default: "" },
    days: { type: "string", default: "30" },
    "a-day": { type: "string", default: "10000" },
    json: { type: "string" },
    tables: { type: "boolean", default: false },
    plot: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const CONTACTS = 10_000;
const GROUPS = 200;
const DELAY_MS = 5;
const OPEN_MB = [5, 50];
const log = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
const out = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  if (values.help) return out(help);
  if (values.tables) {
    const reports = positionals.map((file): BaileysReport => JSON.parse(readFileSync(file, "utf8")));
    if (values.plot) writeFileSync(values.plot, plotMonth(reports.flatMap(({ month = [] }) => month)));
    return out(reports.map(markdown).join("\n\n"));
  }
  const wanted = new Set(positionals.length > 0 ? positionals.map(partOf) : parts);
  const folder = mkdtempSync(join(tmpdir(), "wa-vault-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const loads = [load()];
  const servers = await startServers({ withMysql: wanted.has("compare") || wanted.has("kills") });
  for (const way of servers.ways) log(way);
  let report: Omit<BaileysReport, "at" | "machine"> = {};
  try {
    if (wanted.has("goals")) report = { ...report, goals: await measureGoals({ servers, folder, log }) };
    loads.push(load());
    if (wanted.has("compare")) report = { ...report, comparisons: await compare(servers, folder) };
    loads.push(load());
    if (wanted.has("kills")) report = { ...report, losses: await kill(servers, join(folder, "kills")) };
    loads.push(load());
    if (wanted.has("month")) report = { ...report, month: await month() };
  } finally {
    await servers.stop();
  }
  const machine = {
    ...describeMachine(),
    "Node.js": process.versions.node,
    servers: servers.ways.map(withoutPath).join(", "),
    load: loads.join(", "),
  };
  const whole: BaileysReport = { at: new Date().toISOString(), machine, ...report };
  out(markdown(whole));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(whole, null, 2)}\n`);
  if (values.plot && whole.month) writeFileSync(values.plot, plotMonth(whole.month));
}

/** On a directory, on servers of this host, and on a Redis that is further away. */
async function compare(servers: Servers, folder: string): Promise<Comparison[]> {
  const [rounds, messages] = [number("rounds"), number("messages")];
  const near = [...(await onRedis(servers.redisUrl)), ...(servers.mysql ? await onMysql(servers.mysql) : [])];
  const places: { where: string; name: string; contenders: Contender[]; megabytes: number[] }[] = [
    { where: "A directory", name: "disk", contenders: onDirectory(join(folder, "compare")), megabytes: OPEN_MB },
    { where: "Servers on the same host", name: "near", contenders: near, megabytes: OPEN_MB },
    {
      where: `Redis, ${DELAY_MS} ms away`,
      name: "far",
      contenders: await onRedis(await servers.delayedRedis(DELAY_MS)),
      megabytes: OPEN_MB.slice(0, 1),
    },
  ];
  const comparisons: Comparison[] = [];
  const wanted = values.places.split(",");
  for (const { where, name, contenders, megabytes } of places.filter((place) => wanted.includes(place.name))) {
    log(where);
    const sockets = await compareSockets({ contenders, rounds, messages, name, log });
    const opens: Record<string, OpenRounds> = {};
    // Whether Baileys' cache is on top, which is empty at the start, makes no difference to an open.
    const each = contenders.filter(({ spec }) => !spec.isCached);
    for (const mb of megabytes) {
      const shared = {
        contenders: each,
        messages,
        log,
        name: `${name}-${mb}`,
        rounds: Math.ceil(rounds / 2),
      };
      opens[String(mb)] = await compareOpens({ ...shared, bytes: mb * 1e6 });
    }
    comparisons.push({ where, ours: contenders[0]?.name ?? "", sockets, opens });
  }
  return comparisons;
}

async function kill(servers: Servers, directory: string): Promise<LossesOf> {
  const all = [
    ...onDirectory(directory),
    ...(await onRedis(servers.redisUrl)),
    ...(servers.mysql ? await onMysql(servers.mysql) : []),
  ].filter(({ name, spec }) => !spec.isCached && name.startsWith(values.only));
  const losses: Record<keyof LossesOf, Record<string, Losses>> = { kills: {}, withoutKills: {}, twoAtOnce: {} };
  const rounds = number("kills");
  for (const [index, contender] of all.entries()) {
    losses.kills[contender.name] = await killRounds(contender, `kills-${index}`, rounds);
    losses.withoutKills[contender.name] = await withoutKills(contender, `alone-${index}`, rounds);
    losses.twoAtOnce[contender.name] = await twoAtOnce(contender, `two-${index}`);
    log(`${contender.name}: killed`);
  }
  return losses;
}

async function month(): Promise<DayFigures[]> {
  const days: DayFigures[] = [];
  const options = { days: number("days"), messagesPerDay: number("a-day"), contacts: CONTACTS, groups: GROUPS };
  for await (const day of simulateMonth(options)) {
    days.push(day);
    log(`day ${day.day}: ${(day.storedBytes / 1e6).toFixed(1)} MB stored`);
  }
  return days;
}

function partOf(name: string): Part {
  const part = parts.find((one) => one === name);
  if (part) return part;
  throw new Error(`expected ${parts.join(", ")}, got ${name}`);
}

function number(name: "rounds" | "messages" | "kills" | "days" | "a-day"): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name}: expected a whole number, got ${values[name]}`);
}

/** Where a program was found is of no interest to readers. */
function withoutPath(way: string): string {
  return way.replace(/: .*\/.*$/, "");
}

exitOnSignals();

try {
  await main();
  // Clients of other packages keep a process running.
  process.exit(process.exitCode ?? 0);
} catch (error) {
  process.stderr.write(`The benchmark failed: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
