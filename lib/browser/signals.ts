import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { PuppeteerOptions } from "./client.ts";
import { usersOptions } from "./launch-options.ts";

/** The signals that ask a process to end. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
type EndSignal = (typeof SIGNALS)[number];

/** The longest the end is held up, in milliseconds: what runs it (Docker, Kubernetes) kills before that anyway. */
const DEFAULT_LIMIT_MS = 30_000;

interface Callback {
  readonly run: () => unknown;
  readonly limitMs: number;
}

const callbacks = new Set<Callback>();
const listeners = new Map<EndSignal, () => void>();

/**
 * Runs `callback` when the process is asked to end (SIGTERM, SIGINT, SIGHUP), once, together with everybody else's; then
 * lets the signal do what it would have done without us. With other listeners on that signal, whether the process ends
 * is theirs to say. A second signal does not wait.
 * @param options.limitMs how long the end is held up for it, in milliseconds. @default 30000
 * @returns takes the callback back
 */
export function onSignals(callback: () => unknown, options: { limitMs?: number } = {}): () => void {
  const entry: Callback = { run: callback, limitMs: options.limitMs ?? DEFAULT_LIMIT_MS };
  callbacks.add(entry);
  for (const signal of listeners.size === 0 ? SIGNALS : []) {
    const listener = (): void => void handle(signal);
    listeners.set(signal, listener);
    process.on(signal, listener);
  }
  return () => {
    callbacks.delete(entry);
    if (callbacks.size === 0 && !ending) stopListening();
  };
}

/** Whether the user has told puppeteer what to do on a signal: then it is not ours to handle. */
export function usersOwnSignals(options: PuppeteerOptions | undefined): boolean {
  const { handleSIGINT, handleSIGTERM, handleSIGHUP } = usersOptions(options);
  return [handleSIGINT, handleSIGTERM, handleSIGHUP].some((value) => value !== undefined);
}

let ending = false;

async function handle(signal: EndSignal): Promise<void> {
  if (ending) {
    callbacks.clear();
    return letThrough(signal);
  }
  ending = true;
  const called = [...callbacks];
  callbacks.clear();
  await Promise.all(called.map(runBounded));
  ending = false;
  letThrough(signal);
}

/** Never rejects: a callback that fails holds nobody up. */
async function runBounded({ run, limitMs }: Callback): Promise<void> {
  const limit = new AbortController();
  const running = (async () => run())().catch(() => undefined);
  await Promise.race([running, delay(limitMs, undefined, { signal: limit.signal }).catch(() => undefined)]);
  limit.abort();
}

/** Ends the process as the signal would have, unless somebody else listens to it: then that is theirs to do. */
function letThrough(signal: EndSignal): void {
  const ours = listeners.has(signal) ? 1 : 0;
  if (process.listenerCount(signal) - ours > signalExitListeners()) {
    if (callbacks.size === 0) stopListening();
    return;
  }
  stopListening();
  // The first process of a container has no default action: without a handler the signal would do nothing.
  if (process.pid === 1) process.exit(128 + constants.signals[signal]);
  process.kill(process.pid, signal);
}

function stopListening(): void {
  for (const [signal, listener] of listeners) process.off(signal, listener);
  listeners.clear();
}

/** The package signal-exit listens only to end the process itself, once it is the last one that does. */
function signalExitListeners(): number {
  const versions = [
    (globalThis as Record<symbol, unknown>)[Symbol.for("signal-exit emitter")],
    (process as unknown as Record<string, unknown>).__signal_exit_emitter__,
  ] as ({ count?: number } | undefined)[];
  return versions.reduce((sum, emitter) => sum + (emitter?.count ?? 0), 0);
}
