import { checkEncryption } from "../../../../lib/vault/encryption.ts";
import { decodeEntry, type Entry } from "../../../../lib/vault/entry.ts";
import { SessionFrames } from "../../../../lib/vault/frames.ts";
import { chunkKey, entryNumber } from "../../../../lib/vault/layout.ts";
import type { Processes } from "../../../../lib/vault/lease/owner.ts";
import { Vault } from "../../../../lib/vault/vault.ts";
import { testKey } from "../../../support/keys.ts";
import { Backend } from "./backend.ts";
import { type Kind, Life } from "./life.ts";
import { Network } from "./network.ts";
import { Ownership } from "./ownership.ts";
import { type Form, type Mode, type Plan, planOf, someSkew } from "./plan.ts";
import { Host, SimulatedProcess, Simulation } from "./simulation.ts";
import { Truth } from "./truth.ts";
import { useVirtualGlobals } from "./virtual-globals.ts";
import type { Outcome, World } from "./world.ts";

export const SESSION = "RemoteAuth-bot";
/** How much more often something happens to a process that takes the session, or deletes. */
const DELICATE = 5;
/** The longest that processes may take to end what they do, once nothing goes wrong any more. */
const CALM_EVENTS = 20_000;

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** So many times the length of a lease it may take until somebody holds the session. */
const CALM_LEASES = 4;

export interface RunOptions {
  /** Called with a line for each thing that happens. */
  trace?: ((line: string) => void) | undefined;
  /** Changes what the seed has decided before the schedule begins. */
  alter?: ((plan: Plan) => Plan) | undefined;
  /** What the session holds. @default "profile" */
  form?: Form | undefined;
}

/** Runs the schedule of a seed. @throws when something does not hold that must */
export async function runSchedule(
  mode: Mode,
  seed: number,
  { trace, form = "profile", alter = (plan) => plan }: RunOptions = {},
): Promise<Outcome> {
  const simulation = new Simulation(seed, trace);
  const giveBack = useVirtualGlobals(simulation);
  try {
    return await new Schedule(alter({ ...planOf(mode, simulation.random), form }), simulation).run();
  } finally {
    giveBack();
  }
}

class Schedule {
  readonly #simulation: Simulation;
  readonly #world: World;
  readonly #lives = new Set<Life>();
  #pids = 100;

  constructor(plan: Plan, simulation: Simulation) {
    this.#simulation = simulation;
    const { mode } = plan;
    const isAlone = mode === "alone";
    const backend = new Backend({ exclusiveCreate: !isAlone });
    const truth = new Truth(backend, simulation, { session: SESSION, epochsGrow: !isAlone, isLossy: mode === "lossy" });
    const keyring = checkEncryption(plan.isEncrypted ? ENCRYPTION : undefined);
    const frames = new SessionFrames(SESSION, { keyring, salt: () => Promise.reject(new Error("a salt")) });
    const network = new Network(simulation, backend, SESSION, plan, async (owner, key, bytes) => {
      const n = entryNumber(SESSION, key);
      if (n === undefined) return;
      const entry = await decodeEntry(frames, n, bytes);
      const tail = await tailOf(backend, frames, entry);
      truth.know(bytes, tail ? { ...entry, tail } : entry);
      this.#lifeOf(owner)?.sends(entry);
    });
    const ownership = new Ownership(simulation, truth, {
      session: SESSION,
      areLeasesKept: mode === "leases",
      ttlMs: plan.leaseTtlMs,
    });
    truth.onNewest = (entry, before, beforeAtMs) => ownership.newest(entry, before, beforeAtMs);
    truth.onPut = (key) => ownership.put(key);
    this.#world = {
      simulation,
      ownership,
      plan,
      network,
      truth,
      session: SESSION,
      isOver: false,
      contents: new Map(),
      acknowledged: new Set(),
      outcome: {
        commits: 0,
        saves: 0,
        unchanged: 0,
        restores: 0,
        sets: 0,
        clears: 0,
        folds: 0,
        takes: 0,
        late: 0,
        losses: 0,
        refused: new Map(),
      },
      vault: (process) => this.#vault(process),
    };
    plan.skews.forEach((skewMs, index) => {
      const host = new Host("abc"[index] ?? "", skewMs);
      this.#begin(host, "writer");
      if (plan.hasPanel && index === 0) this.#begin(host, "panel");
    });
    if (plan.hasReader) this.#begin(new Host("r", 0), "reader");
  }

  async run(): Promise<Outcome> {
    const simulation = this.#simulation;
    const { outcome, network, truth, plan } = this.#world;
    for (let events = 0; events < plan.events; events++) {
      if (!(await this.#step())) throw new Error("nothing goes on any more");
      await this.#disturb();
    }
    simulation.say("", () => "calm");
    network.calm();
    for (const { process } of this.#lives) {
      simulation.wake(process.host);
      process.troubleAtMs = Math.max(process.troubleAtMs, simulation.nowMs);
    }
    if (plan.mode === "leases") await this.#untilHeld();
    this.#world.isOver = true;
    let events = 0;
    while (await this.#step()) if (++events > CALM_EVENTS) throw new Error("it does not come to an end");
    if ([...this.#lives].some(({ hasEnded }) => !hasEnded)) throw new Error("a process waits for ever");
    const observer = this.#begin(new Host("z", 0), "observer");
    while (await this.#step());
    if (!observer.hasEnded) throw new Error("the session cannot be looked at");
    return { ...outcome, commits: truth.commits, folds: truth.folds, late: network.late };
  }

  /** Nothing goes wrong any more: soon somebody has the session. */
  async #untilHeld(): Promise<void> {
    const simulation = this.#simulation;
    const { ownership, plan } = this.#world;
    // A process that has just given up is idle before it tries again.
    const end = simulation.nowMs + CALM_LEASES * plan.leaseTtlMs + Math.max(...plan.pauses);
    while (!ownership.isHeld) {
      await this.#step();
      this.#replace();
      if (simulation.nowMs > end) throw new Error("nobody could take the session although nothing went wrong");
    }
  }

  async #step(): Promise<boolean> {
    const isGoingOn = await this.#simulation.step();
    this.#world.ownership.check();
    if (this.#world.failure) throw this.#world.failure;
    return isGoingOn;
  }

  #lifeOf(process: SimulatedProcess): Life | undefined {
    return [...this.#lives].find((life) => life.process === process);
  }

  #begin(host: Host, kind: Kind): Life {
    const simulation = this.#simulation;
    const pid = ++this.#pids;
    const process = new SimulatedProcess(simulation, host, `${host.name}${pid - 100}`, pid);
    const life = new Life(this.#world, process, kind);
    this.#lives.add(life);
    simulation.after(simulation.random.next() * 20 * SECOND, () => void life.run(), process);
    return life;
  }

  async #disturb(): Promise<void> {
    const { random } = this.#simulation;
    const { mode, areClocksSet, unrest } = this.#world.plan;
    const { process, isDelicate } = random.pick([...this.#lives]);
    const what = random.next() / (unrest * (isDelicate ? DELICATE : 1));
    if (what < 0.003) this.#putToSleep(process.host);
    else if (what < 0.005) this.#cutOff(process.host);
    else if (what < 0.007 && mode !== "alone") await this.#kill(process);
    else if (areClocksSet && random.chance(0.002)) process.host.skewMs = someSkew(random);
    else if (mode === "lossy" && random.chance(0.1)) this.#loseHold();
    this.#replace();
  }

  /** Of a process that has ended its host begins another one. */
  #replace(): void {
    for (const life of this.#lives) {
      if (!life.hasEnded) continue;
      this.#lives.delete(life);
      this.#world.network.orphan(life.process);
      this.#begin(life.process.host, life.kind);
    }
  }

  /**
   * The store loses the newest hold: not while a process deletes or writes that this hold alone keeps out, since against
   * that no rule helps.
   */
  #loseHold(): void {
    const { truth, ownership } = this.#world;
    const before = truth.beforeHold;
    if (!before || ownership.isAnyFenced || [...this.#lives].some(({ isDeleting }) => isDeleting)) return;
    this.#simulation.say("", () => `the store loses entry ${truth.newest.n}`);
    truth.loseNewest(before);
    this.#world.outcome.losses++;
  }

  #putToSleep(host: Host): void {
    const simulation = this.#simulation;
    const { random } = simulation;
    const ms = random.pick([SECOND, 30 * SECOND, 300 * SECOND, 300 * SECOND, 3 * HOUR]) * random.next();
    simulation.pause(host, ms, random.chance(0.3));
    for (const { process } of this.#lives) if (process.host === host) process.troubleAtMs = host.pausedUntilMs;
    simulation.say(host.name, () => `sleeps until ${(host.pausedUntilMs / SECOND).toFixed(1)}`);
  }

  #cutOff(host: Host): void {
    const simulation = this.#simulation;
    const { random } = simulation;
    host.cutUntilMs = simulation.nowMs + random.pick([10 * SECOND, 200 * SECOND]) * random.next();
    simulation.say(host.name, () => `is cut off until ${(host.cutUntilMs / SECOND).toFixed(1)}`);
  }

  async #kill(process: SimulatedProcess): Promise<void> {
    this.#simulation.say(process.name, () => "dies");
    await this.#simulation.as(process, () => process.die(this.#simulation.nowMs));
  }

  #vault(process: SimulatedProcess): Vault {
    const { plan, network, simulation } = this.#world;
    const fail = (message: string): void => {
      this.#world.failure ??= new Error(`a warning: ${message}`);
    };
    return new Vault(
      {
        blobs: network.blobs(process),
        ...(plan.isEncrypted ? { encryption: ENCRYPTION } : {}),
        keep: 2,
        leaseTtlMs: plan.leaseTtlMs,
        concurrency: plan.concurrency,
        attemptTimeoutMs: plan.attemptTimeoutMs,
        retries: simulation.random.below(3),
        retryDelayMs: simulation.random.pick([0, 200]),
        onWarning: (message) => {
          simulation.say(process.name, () => `warns: ${message}`);
          const known = plan.mode === "lossy" ? [...KNOWN, ...KNOWN_OF_LOSSES] : KNOWN;
          if (process.isAlive && !known.some((begin) => message.startsWith(begin))) fail(message);
        },
      },
      { clock: process.clock, processes: processesOf(simulation), leases: plan.areLeasesOn, mostLoose: 4 },
    );
  }
}

/** The records of an entry; where they are in chunks that another holder has pruned, none: it comes too late. */
async function tailOf(backend: Backend, frames: SessionFrames, entry: Entry): Promise<Buffer | undefined> {
  if (!entry.tailChunks) return entry.tail;
  const parts: Buffer[] = [];
  for (const chunk of entry.tailChunks) {
    const frame = backend.get(chunkKey(SESSION, chunk));
    if (!frame) return undefined;
    parts.push(await frames.decodeChunk(chunk, frame, "a chunk"));
  }
  return Buffer.concat(parts);
}

/** What a process knows of the others: it sees those of its own host. */
function processesOf(simulation: Simulation): Processes {
  return {
    async self() {
      const process = simulation.current;
      if (!process) throw new Error("a lease is taken by no process");
      const { host, pid } = process;
      return { host: host.name, pid, startedAt: String(pid), boot: host.name, pidNamespace: host.name };
    },
    async isGone({ host, pid }) {
      return host === simulation.current?.host.name && !simulation.isRunning(pid);
    },
  };
}

/** Warnings that have their reason in what the network does, or in the backend. */
const KNOWN = [
  "Could not remove",
  "This store cannot create",
  "Waiting up to",
  "Could not renew",
  "The clock of this host",
];
/** The same of a store that loses entries. */
const KNOWN_OF_LOSSES = ["Left old data"];
const ENCRYPTION = { key: testKey(1) };
