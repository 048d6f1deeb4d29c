import fs, { type BigIntStats } from "node:fs";
import promises, { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/** How the disk and the writer behave while an action runs. */
export interface InterleaveOptions {
  /** Milliseconds between two ticks of the disk's clock. @default as on this machine */
  tickMs?: number;
  /** Called whenever a poll reads the size of a file: with a writer here, no file ever stands still. */
  restless?: () => void;
}

/** Runs `action`, and before every operation of the disk that it awaits calls `step`, in which a writer may write. */
export async function interleave<T>(
  step: () => void,
  action: () => Promise<T>,
  { tickMs, restless }: InterleaveOptions = {},
): Promise<T> {
  const handle = await open(import.meta.filename, "r");
  const prototype = Object.getPrototypeOf(handle) as Record<string, (...values: unknown[]) => Promise<unknown>>;
  await handle.close();
  const undo: (() => void)[] = [];
  const { fstatSync } = fs;
  if (restless) {
    fs.fstatSync = ((...values: Parameters<typeof fstatSync>) => {
      // The identity of a file is of big integers, and no poll.
      if (values[1] === undefined) restless();
      return fstatSync(...values);
    }) as typeof fstatSync;
    undo.push(() => {
      fs.fstatSync = fstatSync;
    });
  }
  const hook = (target: Record<string, unknown>, name: string): void => {
    const real = target[name] as (...values: unknown[]) => Promise<unknown>;
    target[name] = async function (this: unknown, ...values: unknown[]) {
      step();
      return await real.apply(this, values);
    };
    undo.push(() => {
      target[name] = real;
    });
  };
  for (const name of ["read", "stat", "close"]) hook(prototype, name);
  const stat = prototype.stat as (...values: unknown[]) => Promise<unknown>;
  prototype.stat = async function (this: unknown, ...values: unknown[]) {
    return coarse((await stat.apply(this, values)) as BigIntStats, tickMs);
  };
  for (const name of ["open", "readdir", "readFile", "lstat"]) {
    hook(promises as unknown as Record<string, unknown>, name);
  }
  syncBuiltinESMExports();
  try {
    return await action();
  } finally {
    for (const each of undo) each();
    syncBuiltinESMExports();
  }
}

function coarse(stat: BigIntStats, tickMs: number | undefined): BigIntStats {
  if (tickMs === undefined || typeof stat.mtimeNs !== "bigint") return stat;
  const tick = BigInt(tickMs) * 1_000_000n;
  stat.mtimeNs -= stat.mtimeNs % tick;
  stat.ctimeNs -= stat.ctimeNs % tick;
  return stat;
}
