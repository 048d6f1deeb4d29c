// npm run bench: the RemoteAuth that ships with whatsapp-web.js and ours, side by side on one recorded profile.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { StorageBackend } from "../lib/store.ts";
import { findChromium } from "../test/support/chromium.ts";
import { exitOnSignals } from "../test/support/exit-on-signals.ts";
import { duel } from "./duel.ts";
import { describeMachine, load } from "./machine.ts";
import { type BenchNode, nodeOf } from "./nodes.ts";
import { plotSizes } from "./plot-sizes.ts";
import { headline, json, markdown, type Report, type Result, table } from "./report.ts";
import { recordSeries } from "./series.ts";
import { startStore, storeKinds } from "./stores.ts";

const help = `npm run bench -- [options]
npm run bench -- --tables <files>
npm run bench -- --plot <files> --out <file>

Saves and restores one recorded series of a real profile with the RemoteAuth that ships with whatsapp-web.js 1.34.7 and
with ours, in turn, and prints what each of it costs.

  --sizes <list>      megabytes of the profile's first state (default: 30,100)
  --node <list>       releases of Node.js, e.g. 20,22,24 (default: the running one)
  --sessions <list>   sessions in one process, all saved at once (default: 1)
  --saves <n>         later states, some use apart (default: 10)
  --backend <form>    of the site's storage: leveldb or sqlite (default: leveldb)
  --use <megabytes>   written between two states, beside 100 messages (default: 1)
  --runs <n>          how often everything is done; figures are medians (default: 3)
  --store <kind>      ${storeKinds.join(", ")} (default: file)
  --json <file>       write everything that was measured
  --series <folder>   keep the recorded series there, and use it again (default: recorded anew, removed at the end)
  --tables            measure nothing: print what was written to these files with --json, as Markdown
  --plot              measure nothing: draw what a save costs by the size of the profile, from such files
  --out <file>        of the drawing (default: docs/benchmark.svg)
  --cpu-prof <folder> leave V8's profile of every process there
  --help              this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sizes: { type: "string", default: "30,100" },
    node: { type: "string" },
    sessions: { type: "string", default: "1" },
    saves: { type: "string", default: "10" },
    backend: { type: "string", default: "leveldb" },
    use: { type: "string", default: "1" },
    runs: { type: "string", default: "3" },
    store: { type: "string", default: "file" },
    json: { type: "string" },
    series: { type: "string" },
    tables: { type: "boolean", default: false },
    plot: { type: "boolean", default: false },
    out: { type: "string", default: "docs/benchmark.svg" },
    "cpu-prof": { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const log = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
const out = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  if (values.help) return out(help);
  const reports = (): Report[] => positionals.map((file) => JSON.parse(readFileSync(file, "utf8")));
  if (values.tables) return out(reports().map(markdown).join("\n\n"));
  if (values.plot) return writeFileSync(values.out, plotSizes(reports()));
  if (positionals.length > 0) throw new Error(`expected options, got ${positionals.join(" ")}`);
  const backend = form(values.backend);
  const sizes = numbers("sizes", values.sizes);
  const sessions = numbers("sessions", values.sessions);
  const [saves, use, runs] = [one("saves", values.saves), one("use", values.use), one("runs", values.runs)];
  const nodes: BenchNode[] = [];
  for (const wanted of values.node?.split(",") ?? [undefined]) nodes.push(await nodeOf(wanted));
  log(findChromium(log).how);
  const folder = mkdtempSync(join(tmpdir(), "wa-vault-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const store = await startStore(values.store, folder);
  const results: Result[] = [];
  let browser = "";
  const loads = [load()];
  try {
    for (const size of sizes) {
      const name = `${size}-mb${backend === "sqlite" ? "-sqlite" : ""}`;
      const recorded = join(values.series ? resolve(values.series) : folder, name);
      const recipe = { bytes: size * 1e6, backend, saves, useBytes: use * 1e6 };
      const series = await recordSeries({ folder: recorded, ...recipe, log });
      browser = series.browser;
      for (const { command, version } of nodes) {
        for (const count of sessions) {
          const shared = { series, sessions: count, runs, store, node: command, log };
          const at = join(folder, `${name}-${count}-${version}`);
          const samples = await duel({ ...shared, folder: at, cpuProfiles: values["cpu-prof"] });
          const result = { bytes: series.bytes, backend, node: version, sessions: count, saves, samples };
          results.push(result);
          loads.push(load());
          out(`\n${headline(result)}\n\n${table(result)}`);
        }
      }
    }
  } finally {
    await store.stop();
  }
  const machine = { ...describeMachine(), Chromium: browser, store: store.way, load: loads.join(", ") };
  const report: Report = { at: new Date().toISOString(), machine, results };
  out(
    `\n${Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join("; ")}`,
  );
  if (values.json) writeFileSync(values.json, `${JSON.stringify(json(report), null, 2)}\n`);
}

function form(backend: string): StorageBackend {
  if (backend === "leveldb" || backend === "sqlite") return backend;
  throw new Error(`--backend: expected leveldb or sqlite, got ${backend}`);
}

function numbers(name: string, list: string): number[] {
  const found = list.split(",").map(Number);
  if (found.every((number) => number > 0)) return found;
  throw new Error(`--${name}: expected numbers with commas between them, got ${list}`);
}

function one(name: string, value: string): number {
  const number = Number(value);
  if (number >= 0 && value !== "") return number;
  throw new Error(`--${name}: expected a number, got ${value}`);
}

exitOnSignals();

try {
  await main();
} catch (error) {
  process.stderr.write(`The benchmark failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
