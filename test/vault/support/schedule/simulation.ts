import { VaultError } from "../../../../lib/errors.ts";
import type { Clock } from "../../../../lib/vault/clock.ts";
import { EventQueue } from "./event-queue.ts";
import { Random } from "./random.ts";

/** The wall clock of a host whose clock is right, when a schedule begins. */
const START_MS = Date.UTC(2026, 0, 1);

/** A machine: its processes are paused and cut off together. */
export class Host {
  readonly name: string;
  /** How far its wall clock is ahead, in milliseconds. */
  skewMs: number;
  /** Until then none of its processes runs. */
  pausedUntilMs = 0;
  /** How long its monotonic clock has stood still, while the machine was suspended, in milliseconds. */
  stoodStillMs = 0;
  /** Until then no request of its processes is answered. */
  cutUntilMs = 0;

  constructor(name: string, skewMs: number) {
    this.name = name;
    this.skewMs = skewMs;
  }
}

/** One process of a schedule. Everything that runs for it is owned by it: when it dies, that never runs. */
export class SimulatedProcess {
  readonly host: Host;
  readonly name: string;
  readonly pid: number;
  readonly clock: Clock;
  isAlive = true;
  /** When it died. */
  diedAtMs: number = Number.POSITIVE_INFINITY;
  /** When something last went wrong for it: it slept, or a request of it was not answered. */
  troubleAtMs: number;
  /** Until then a request of it may wait that is in no hurry. */
  idleUntilMs = 0;
  readonly #deaths = new Set<(reason: Error) => void>();

  constructor(simulation: Simulation, host: Host, name: string, pid: number) {
    this.host = host;
    this.name = name;
    this.pid = pid;
    this.troubleAtMs = simulation.nowMs;
    this.clock = simulation.clockOf(this);
    simulation.runs(this);
  }

  /** `reject` is called when it dies; at once when it is dead. @returns a function that takes this back */
  onDeath(reject: (reason: Error) => void): () => void {
    if (!this.isAlive) reject(new Death(this.name));
    else this.#deaths.add(reject);
    return () => void this.#deaths.delete(reject);
  }

  /** Something goes wrong for it until this moment. */
  hasTrouble(untilMs: number): void {
    this.troubleAtMs = Math.max(this.troubleAtMs, untilMs);
  }

  /** Ends it: what waits for an answer or for time is told, so that nothing of it waits for ever. */
  die(nowMs: number): void {
    if (this.isAlive) this.diedAtMs = nowMs;
    this.isAlive = false;
    for (const reject of this.#deaths) reject(new Death(this.name));
    this.#deaths.clear();
  }
}

/** What the code of a process that has died is told. */
export class Death extends VaultError {
  constructor(name: string) {
    super("UNAVAILABLE", `the process ${name} is dead`, { retryable: false });
  }
}

/**
 * Virtual time for several processes in one thread. It goes from one event to the next; after each event everything
 * runs that follows from it without time passing. So a seed is a run.
 */
export class Simulation {
  readonly random: Random;
  /** Milliseconds since the schedule began. */
  nowMs = 0;
  /** The process that runs now. */
  current: SimulatedProcess | undefined;
  readonly #events = new EventQueue<() => void, SimulatedProcess>();
  readonly #processes = new Map<number, SimulatedProcess>();
  readonly #trace: ((line: string) => void) | undefined;

  constructor(seed: number, trace?: (line: string) => void) {
    this.random = new Random(seed);
    this.#trace = trace;
  }

  /** Tells a person what happens. */
  say(who: string, what: () => string): void {
    this.#trace?.(`${(this.nowMs / 1000).toFixed(3).padStart(10)} ${who.padEnd(5)} ${what()}`);
  }

  /** Whether somebody reads what happens. */
  get isTraced(): boolean {
    return this.#trace !== undefined;
  }

  /** The wall clock of a host whose clock is right. */
  wallMs(): number {
    return START_MS + this.nowMs;
  }

  /** Calls `run` after `ms`: for `owner` when it is awake then, and never when it is dead. @returns a function that cancels it */
  after(ms: number, run: () => void, owner?: SimulatedProcess): () => void {
    return this.#events.add(this.nowMs + Math.max(0, ms), run, owner);
  }

  /** Lets the next event happen. @returns whether there was one */
  async step(): Promise<boolean> {
    const event = this.#events.next(
      (owner) => owner?.isAlive !== false,
      (owner) => owner?.host.pausedUntilMs ?? 0,
    );
    if (!event) return false;
    this.nowMs = Math.max(this.nowMs, event.at);
    this.current = event.owner;
    event.what();
    await settled();
    this.current = undefined;
    return true;
  }

  /** Puts a host to sleep. @param isSuspended whether its monotonic clock stands still meanwhile */
  pause(host: Host, ms: number, isSuspended: boolean): void {
    const until = Math.max(host.pausedUntilMs, this.nowMs + ms);
    if (isSuspended) host.stoodStillMs += until - Math.max(host.pausedUntilMs, this.nowMs);
    host.pausedUntilMs = until;
  }

  /** Wakes a host that sleeps. */
  wake(host: Host): void {
    const leftMs = Math.max(0, host.pausedUntilMs - this.nowMs);
    host.stoodStillMs = Math.max(0, host.stoodStillMs - leftMs);
    host.pausedUntilMs -= leftMs;
    this.#events.refresh();
  }

  /** Runs `work` as the process `owner`, until it waits for time or an answer. */
  async as(owner: SimulatedProcess, work: () => void): Promise<void> {
    this.current = owner;
    work();
    await settled();
    this.current = undefined;
  }

  /** A process has begun. */
  runs(process: SimulatedProcess): void {
    this.#processes.set(process.pid, process);
  }

  /** Whether the process with this number has not ended. */
  isRunning(pid: number): boolean {
    return this.#processes.get(pid)?.isAlive === true;
  }

  clockOf(owner: SimulatedProcess): Clock {
    const after: Clock["after"] = (ms, work) => this.after(ms, work, owner);
    return {
      monotonicMs: () => this.nowMs - owner.host.stoodStillMs,
      wallMs: () => this.wallMs() + owner.host.skewMs,
      after,
      sleep: (ms, signal) => sleep(owner, after, ms, signal),
    };
  }
}

function sleep(
  owner: SimulatedProcess,
  after: Clock["after"],
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const end = (settle: () => void): void => {
      cancel();
      survive();
      signal?.removeEventListener("abort", abort);
      settle();
    };
    const abort = (): void => end(() => reject(signal?.reason));
    let cancel = (): void => {};
    const survive = owner.onDeath((death) => reject(death));
    if (!owner.isAlive) return;
    cancel = after(ms, () => end(resolve));
    signal?.addEventListener("abort", abort, { once: true });
  });
}

const nextTurn = setImmediate;

/** Until nothing runs any more that needs neither time nor an answer. */
function settled(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}
