// npm run torture -- [--captures 200] [--copies 20] [--backend leveldb|sqlite] [--fill-mb 30] [--max-open-files 64] [--slow-read-ms 20]
import { parseArgs } from "node:util";
import { exitOnSignals } from "../support/exit-on-signals.ts";
import type { Form } from "./open-page.ts";
import { type Tally, torture } from "./run.ts";

const { values } = parseArgs({
  options: {
    captures: { type: "string", default: "200" },
    copies: { type: "string", default: "20" },
    backend: { type: "string" },
    "fill-mb": { type: "string", default: "30" },
    "max-open-files": { type: "string" },
    "slow-read-ms": { type: "string", default: "0" },
  },
});
const forms: Form[] =
  values.backend === "leveldb" || values.backend === "sqlite" ? [values.backend] : ["leveldb", "sqlite"];
const limit = values["max-open-files"];
let isWhole = true;
exitOnSignals();

for (const form of forms) {
  const started = Date.now();
  const report = await torture({
    form,
    captures: Number(values.captures),
    copies: Number(values.copies),
    fillBytes: Number(values["fill-mb"]) * 1e6,
    slowReadMs: Number(values["slow-read-ms"]),
    options: limit ? { maxOpenFiles: Number(limit) } : {},
    log: (line) => console.log(line),
  });
  console.log(`\n${form}: ${Math.round((Date.now() - started) / 1000)} s, ${report.records} records written meanwhile`);
  print("captures", report.captures);
  print("plain copies", report.copies);
  console.log(
    `  capture ms: ${spread(report.captureMs)}; apart ms: ${spread(report.spreadMs)}; at most ${report.bytes} bytes\n`,
  );
  const { failed, lost, broken } = report.captures;
  isWhole &&= failed + lost + broken === 0;
}
process.exitCode = isWhole ? 0 : 1;

function print(name: string, { taken, failed, lost, broken, reasons }: Tally): void {
  console.log(`  ${name}: ${taken} taken, ${failed} failed, ${lost} lost, ${broken} broken`);
  for (const reason of new Set(reasons)) console.log(`    ${reason.slice(0, 300)}`);
}

function spread(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  return `median ${at(0.5)}, 95 % ${at(0.95)}, most ${at(1)}`;
}
