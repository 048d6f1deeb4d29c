import { constants } from "node:os";
import { waitAtMost } from "../async/deadline.ts";
import { removePlacedFiles } from "../disk/placed-files.ts";
import type { PuppeteerOptions } from "./client.ts";
import { usersOptions } from "./launch-options.ts";

type EndSignal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGBREAK";

/**
 * The signals that ask a process to end: SIGHUP also means that a terminal, or a console of Windows, is closed, and
 * SIGBREAK is its Ctrl+Break. Not SIGUSR2, by which nodemon restarts: it makes other processes write a report or a heap
 * snapshot. Not SIGQUIT: Ctrl+\ is for a process that does not end otherwise.
 */
export function endSignals(platform: NodeJS.Platform): readonly EndSignal[] {
  return platform === "win32" ? ["SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"] : ["SIGTERM", "SIGINT", "SIGHUP"];
}

/**
 * The time in which the same signal counts as the same request, in milliseconds: one Ctrl+C reaches every program of a
 * terminal, and some pass it on to a process that has had it. From nodemon a process gets SIGTERM twice at a restart, and
 * SIGINT three times at a Ctrl+C, within a fifth of a second.
 */
const SAME_REQUEST_MS = 1_000;

/** How long a callback may delay the end of the process, in milliseconds: Docker and Kubernetes kill earlier. */
const DEFAULT_LIMIT_MS = 30_000;

interface Callback {
  readonly run: () => unknown;
  readonly limitMs: number;
}

const callbacks = new Set<Callback>();
const listeners = new Map<EndSignal, () => void>();

/**
 * Runs `callback` once when a signal asks the process to end (see {@link endSignals}), at the same time as all other
 * callbacks; then lets the signal have its usual effect. If the signal has other listeners, they decide whether the
 * process ends. A second signal does not wait for the callbacks, unless it repeats the first within a second.
 * @param options.limitMs how long the callback may delay the end of the process, in milliseconds. @default 30000
 * @returns a function that removes the callback
 */
export function onSignals(callback: () => unknown, options: { limitMs?: number } = {}): () => void {
  const entry: Callback = { run: callback, limitMs: options.limitMs ?? DEFAULT_LIMIT_MS };
  callbacks.add(entry);
  for (const signal of listeners.size === 0 ? endSignals(process.platform) : []) {
    const listener = (): void => void handle(signal);
    listeners.set(signal, listener);
    process.on(signal, listener);
  }
  return () => {
    callbacks.delete(entry);
    if (callbacks.size === 0 && !ending) stopListening();
  };
}

/** Whether the user has set puppeteer's own options for signals: then the strategy must not handle signals. */
export function usersOwnSignals(options: PuppeteerOptions | undefined): boolean {
  const { handleSIGINT, handleSIGTERM, handleSIGHUP } = usersOptions(options);
  return [handleSIGINT, handleSIGTERM, handleSIGHUP].some((value) => value !== undefined);
}

let ending = false;
/** The signal that began the end, and when it came, by `performance.now()`. */
let first: { readonly signal: EndSignal; readonly at: number } | undefined;

async function handle(signal: EndSignal): Promise<void> {
  if (ending) {
    if (isSameRequest(signal)) return;
    callbacks.clear();
    return letThrough(signal);
  }
  ending = true;
  first = { signal, at: performance.now() };
  const called = [...callbacks];
  callbacks.clear();
  await Promise.all(called.map(runBounded));
  ending = false;
  letThrough(signal);
}

/** Whether a signal repeats the first one. Without a terminal a second SIGINT is sent on purpose. */
function isSameRequest(signal: EndSignal): boolean {
  if (first?.signal !== signal || performance.now() - first.at >= SAME_REQUEST_MS) return false;
  return signal !== "SIGINT" || process.stdout.isTTY || process.stderr.isTTY;
}

/** Runs a callback for `limitMs` at most. Never rejects, also when the callback fails. */
async function runBounded({ run, limitMs }: Callback): Promise<void> {
  await waitAtMost(limitMs, (async () => run())());
}

/** Ends the process as the signal would have, unless the signal has other listeners: then they decide. */
function letThrough(signal: EndSignal): void {
  const ours = listeners.has(signal) ? 1 : 0;
  if (process.listenerCount(signal) - ours > signalExitListeners()) {
    if (callbacks.size === 0) stopListening();
    return;
  }
  stopListening();
  // The signal ends the process without its event `exit`.
  removePlacedFiles();
  // The first process of a container has no default action: without a handler the signal would do nothing. On Windows a
  // process cannot send itself every signal.
  if (process.pid === 1 || process.platform === "win32") process.exit(128 + (constants.signals[signal] ?? 0));
  process.kill(process.pid, signal);
}

function stopListening(): void {
  for (const [signal, listener] of listeners) process.off(signal, listener);
  listeners.clear();
}

/** The listeners of the package signal-exit, which ends the process itself when a signal has no others. */
function signalExitListeners(): number {
  const versions = [
    (globalThis as Record<symbol, unknown>)[Symbol.for("signal-exit emitter")],
    (process as unknown as Record<string, unknown>).__signal_exit_emitter__,
  ] as ({ count?: number } | undefined)[];
  return versions.reduce((sum, emitter) => sum + (emitter?.count ?? 0), 0);
}
