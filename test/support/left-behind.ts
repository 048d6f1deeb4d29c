import { vi } from "vitest";

/** What tests replace for a while. */
const REPLACED: Record<string, () => unknown> = {
  "Date.now": () => Date.now,
  "Math.random": () => Math.random,
  "process.emitWarning": () => process.emitWarning,
  "process.nextTick": () => process.nextTick,
};

/** Set once by a module that many files load: see `services/clients.ts`. */
const OF_THE_RUN = /^(?:VITEST|AWS_SDK_JS_NODE_VERSION_SUPPORT)/;

/**
 * Remembers what all files of a worker share.
 * @returns what has changed since: a file that leaves it so disturbs the next one, in an order that nobody chose
 */
export function watchShared(): () => string[] {
  const before = look();
  return () => {
    const after = look();
    const names = new Set([...before.keys(), ...after.keys()]);
    // Names only: secrets are in the environment.
    const changed = [...names].filter((name) => before.get(name) !== after.get(name));
    return vi.isFakeTimers() ? [...changed, "fake timers"] : changed;
  };
}

function look(): Map<string, unknown> {
  const seen = new Map<string, unknown>([["the working directory", process.cwd()]]);
  for (const [name, value] of Object.entries(process.env)) {
    if (!OF_THE_RUN.test(name)) seen.set(`the environment variable ${name}`, value);
  }
  for (const [name, read] of Object.entries(REPLACED)) seen.set(name, read());
  return seen;
}
