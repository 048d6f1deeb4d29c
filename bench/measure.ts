import { readFileSync, writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Traffic } from "./counting-blobs.ts";
import type { Figures } from "./figures.ts";

/** A finer one would weigh on the steps. */
const DELAY_RESOLUTION_MS = 4;

/** The cost of one step of this process, without the traffic. */
export async function measure(work: () => Promise<unknown>): Promise<Omit<Figures, keyof Traffic>> {
  globalThis.gc?.();
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  try {
    // A delay is the time between two turns of one timer: a stall counts between two of them only.
    await sleep(3 * DELAY_RESOLUTION_MS);
    const restBytes = process.memoryUsage.rss();
    forgetPeak();
    const [cpu, main, from] = [cpuMs(), mainMs(), performance.now()];
    await work();
    const wallMs = performance.now() - from;
    const spent = { cpuMs: cpuMs() - cpu, ...(main === undefined ? {} : { mainMs: (mainMs() ?? main) - main }) };
    const peak = peakBytes();
    await sleep(3 * DELAY_RESOLUTION_MS);
    const delayMs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - DELAY_RESOLUTION_MS);
    return {
      wallMs,
      ...spent,
      restBytes,
      peakBytes: peak,
      delayP50Ms: delayMs(delay.percentile(50)),
      delayP99Ms: delayMs(delay.percentile(99)),
      delayMaxMs: delayMs(delay.max),
    };
  } finally {
    delay.disable();
  }
}

function cpuMs(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1000;
}

/** Processor time of the main thread, in milliseconds; `undefined` where the system does not tell it. */
export function mainMs(): number | undefined {
  try {
    // The kernel counts the time of a thread when the thread stops: it stops here for a moment.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.1);
    const [ns] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ");
    return Number(ns) / 1e6;
  } catch {
    return undefined;
  }
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
