import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import timers from "node:timers/promises";
import type { Simulation } from "./simulation.ts";

/**
 * From now on time, timers, random numbers and the names of the process are those of the simulation, also where code
 * takes them from Node itself. Only for a test file that has a worker of its own.
 * @returns a function that gives back the real ones.
 */
export function useVirtualGlobals(simulation: Simulation): () => void {
  const { random } = simulation;
  const own = <T>(get: (current: NonNullable<Simulation["current"]>) => T, otherwise: T): T =>
    simulation.current ? get(simulation.current) : otherwise;
  const setVirtual = (work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown => {
    const cancel = simulation.after(ms, () => work(...args), simulation.current);
    return { cancel, ref: () => {}, unref: () => {} };
  };
  const restores = [
    replace(globalThis, "setTimeout", setVirtual),
    replace(globalThis, "clearTimeout", (timer?: { cancel?: () => void }) => timer?.cancel?.()),
    replace(globalThis, "performance", { now: () => simulation.nowMs }),
    replace(Date, "now", () => own(({ clock }) => clock.wallMs(), simulation.wallMs())),
    replace(Math, "random", () => random.next()),
    replace(AbortSignal, "timeout", (ms: number) => {
      const controller = new AbortController();
      simulation.after(ms, () => controller.abort(new DOMException("late", "TimeoutError")), simulation.current);
      return controller.signal;
    }),
    replace(crypto, "randomBytes", (size: number) =>
      Buffer.from(Array.from({ length: size }, () => random.below(256))),
    ),
    replace(timers, "setTimeout", (ms: number, _: unknown, { signal }: { signal?: AbortSignal } = {}) =>
      own(({ clock }) => clock.sleep(ms, signal), Promise.resolve()),
    ),
    replace(timers, "setImmediate", () => own(({ clock }) => clock.sleep(0).catch(() => {}), Promise.resolve())),
    // Most errors of a schedule are outages: their stacks say nothing, and take much of the time.
    replace(Error, "stackTraceLimit", simulation.isTraced ? Error.stackTraceLimit : 0),
    replace(os, "hostname", () => own(({ host }) => host.name, "observer")),
  ];
  const pid = Object.getOwnPropertyDescriptor(process, "pid");
  Object.defineProperty(process, "pid", { configurable: true, get: () => own((current) => current.pid, 1) });
  syncBuiltinESMExports();
  return () => {
    if (pid) Object.defineProperty(process, "pid", pid);
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  };
}

/** @returns a function that puts the original back */
function replace<Target extends object>(target: Target, name: keyof Target, value: unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { configurable: true, enumerable: true, writable: true, value });
  return () => {
    if (original) Object.defineProperty(target, name, original);
    else Reflect.deleteProperty(target, name);
  };
}
