import promises, { type FileHandle, open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/** When a step is told: right before it is made, or once it has taken effect or failed. */
export type Moment = "before" | "after";

type Call = (...values: unknown[]) => Promise<unknown>;

/**
 * Runs `action`, and tells each step in which it changes the disk by `node:fs/promises`.
 * @param onStep told the number of the step, from 0; what it throws is what the step throws
 */
export async function tellSteps<T>(
  action: () => Promise<T>,
  onStep: (n: number, moment: Moment, name: string) => void,
): Promise<T> {
  const undo: (() => void)[] = [];
  let steps = 0;
  const hook = (target: object, name: string, isStep: (values: unknown[]) => boolean = () => true): void => {
    const methods = target as Record<string, Call>;
    const real = methods[name] as Call;
    methods[name] = async function (this: unknown, ...values) {
      if (!isStep(values)) return await real.apply(this, values);
      const n = steps++;
      onStep(n, "before", name);
      const [answered] = await Promise.allSettled([real.apply(this, values)]);
      try {
        onStep(n, "after", name);
      } catch (error) {
        // Nobody else has the handle.
        if (name === "open" && answered.status === "fulfilled") await (answered.value as FileHandle).close();
        throw error;
      }
      if (answered.status === "rejected") throw answered.reason;
      return answered.value;
    };
    undo.push(() => {
      methods[name] = real;
    });
  };
  const handle = await open(import.meta.filename, "r");
  for (const name of ["write", "writeFile", "sync"]) hook(Object.getPrototypeOf(handle), name);
  await handle.close();
  for (const name of ["mkdir", "rename", "link", "unlink", "rm", "rmdir"]) hook(promises, name);
  hook(promises, "open", ([, flags]) => flags !== undefined && flags !== "r");
  syncBuiltinESMExports();
  try {
    return await action();
  } finally {
    for (const each of undo) each();
    syncBuiltinESMExports();
  }
}
