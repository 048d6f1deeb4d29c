import { cpus, loadavg, totalmem } from "node:os";
import { bytes } from "./report.ts";

/** The machine that a benchmark runs on, for people. */
export function describeMachine(): Record<string, string | number> {
  const [first] = cpus();
  return {
    CPU: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory: bytes(totalmem()),
  };
}

/** The load of the last minute: figures that were measured under a load are less reliable. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}
