// One side in a process of its own, so that the measurements are of this side alone. Started by worker-process.ts.
import { readFileSync, writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { whatsapp } from "../test/support/whatsapp.ts";
import { Ours, Shipped } from "./contenders.ts";
import { noTraffic } from "./counting-blobs.ts";
import type { Figures } from "./figures.ts";
import { openStore } from "./stores.ts";
import type { WorkerReply, WorkerRequest, WorkerSpec } from "./worker-process.ts";

const DELAY_RESOLUTION_MS = 10;

const spec = JSON.parse(process.argv[2] ?? "") as WorkerSpec;
const traffic = noTraffic();
const store = await openStore(spec.store);
const options = { store, dataPath: spec.dataPath, traffic };
const contender = spec.side === "shipped" ? new Shipped(options) : new Ours(options);
const ids = Array.from({ length: spec.sessions }, (_, index) => `s${index + 1}`);

process.on("message", (request: WorkerRequest) => {
  measure(() => Promise.all(ids.map((id) => contender[request.action](id)))).then(
    (figures) => reply({ figures }),
    (error: unknown) => reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
// Pending writes end; then nothing keeps this process running.
process.once("disconnect", () => {
  store.close().catch(() => {});
});
// A bot of either side has loaded it at its start.
whatsapp("1.34.7");
reply({ ready: true });

function reply(message: WorkerReply): void {
  process.send?.(message);
}

async function measure(work: () => Promise<unknown>): Promise<Figures> {
  Object.assign(traffic, noTraffic());
  globalThis.gc?.();
  const restBytes = process.memoryUsage.rss();
  forgetPeak();
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  const cpu = cpuMs();
  const from = performance.now();
  await work();
  const wallMs = performance.now() - from;
  const spent = cpuMs() - cpu;
  delay.disable();
  const stallMs = Math.max(0, delay.max / 1e6 - DELAY_RESOLUTION_MS);
  return { wallMs, cpuMs: spent, restBytes, peakBytes: peakBytes(), stallMs, ...traffic };
}

function cpuMs(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1000;
}

/** Linux can begin the high-water mark anew; elsewhere it is that of the process so far. */
function forgetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Another system, or a kernel that does not allow it.
  }
}

function peakBytes(): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  } catch {
    // Another system.
  }
  return process.resourceUsage().maxRSS * 1024;
}
