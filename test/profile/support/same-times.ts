import fs, { type BigIntStats } from "node:fs";
import { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { onTestFinished } from "vitest";

/** Until the test ends, all files of this process have the same timestamps, which are long past. */
export async function useSameTimes(): Promise<void> {
  const handle = await open(import.meta.filename, "r");
  const prototype = Object.getPrototypeOf(handle) as { stat: (...values: unknown[]) => Promise<unknown> };
  await handle.close();
  const [{ stat }, { fstatSync, lstatSync }] = [prototype, fs];
  prototype.stat = async function (this: unknown, ...values) {
    return withSameTimes(await stat.apply(this, values));
  };
  Object.assign(fs, {
    fstatSync: (...values: Parameters<typeof fstatSync>) => withSameTimes(fstatSync(...values)),
    lstatSync: (...values: Parameters<typeof lstatSync>) => withSameTimes(lstatSync(...values)),
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    prototype.stat = stat;
    Object.assign(fs, { fstatSync, lstatSync });
    syncBuiltinESMExports();
  });
}

function withSameTimes<Stat>(stat: Stat): Stat {
  const found = stat as Partial<BigIntStats>;
  if (typeof found.mtimeNs === "bigint") Object.assign(found, { mtimeNs: 1n, ctimeNs: 1n });
  return stat;
}
