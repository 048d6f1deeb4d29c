import type { Lease } from "../../../lib/store.ts";
import type { Processes } from "../../../lib/vault/lease/owner.ts";
import type { VaultOptions } from "../../../lib/vault/options.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { type FakeClock, FakeTime } from "../support/fake-time.ts";
import { MeasuredBlobs } from "../support/measured-blobs.ts";
import { SimulatedProfile } from "./year-profile.ts";

export const session = "RemoteAuth-bot";
export const MINUTE: number = 60_000;
export const HOUR: number = 60 * MINUTE;
export const DAY: number = 24 * HOUR;
/** Saves of a day, one every five minutes. */
export const SAVES_PER_DAY: number = DAY / (5 * MINUTE);
/** Renewed three times a day: a year has enough to do without a renewal every 20 s. */
const LEASE_TTL = DAY;

/** A process that has crashed is known to be gone. No requests to the system, which need real time. */
const processes: Processes = { self: async () => ({ host: "a", pid: 1 }), isGone: async () => true };

/** The most that was stored at any moment of one day. */
export interface DayFigures {
  readonly day: number;
  /** Bytes of the profile at the end of the day. */
  readonly profileBytes: number;
  /** Bytes of all blobs. */
  readonly bytes: number;
  readonly objects: number;
  /** Entries of the log. */
  readonly entries: number;
  /** Bytes of the largest entry that was put. */
  readonly entryBytes: number;
}

/** A bot of one session: saves every five minutes, and is started anew every day. */
export class SimulatedBot {
  readonly blobs: MeasuredBlobs = new MeasuredBlobs();
  readonly profile: SimulatedProfile;
  readonly warnings: string[] = [];
  readonly #time = new FakeTime();
  readonly #options: VaultOptions;
  #clock: FakeClock;
  #store: Vault;
  #lease: Lease | undefined;
  #wid = "1@c.us";

  constructor(profileBytes: number, options: VaultOptions = {}) {
    this.profile = new SimulatedProfile(profileBytes);
    this.#options = options;
    this.#clock = this.#time.clock();
    this.#store = this.#newStore();
  }

  get store(): Vault {
    return this.#store;
  }

  /** The lease of the running process. */
  get lease(): Lease {
    if (!this.#lease) throw new Error("the bot has not started");
    return this.#lease;
  }

  /** A new process takes the session, and reaches `ready`. */
  async start(): Promise<void> {
    this.#store = this.#newStore();
    this.#lease = await this.#store.acquire({ session });
    const current = (await this.#store.state({ session }))?.current;
    if (current) await this.#store.mark({ session, lease: this.lease, generation: current.generation, as: "proven" });
  }

  /** The process ends. @param how `crash`: without a release. */
  async end(how: "release" | "crash"): Promise<void> {
    if (how === "release") await this.lease.release();
    // The timers of a process end with it.
    this.#clock.isPaused = true;
    this.#lease = undefined;
  }

  /** Time passes, the profile changes, and is saved. */
  async save(intervalMs: number): Promise<void> {
    await this.#time.advance(intervalMs);
    this.profile.change();
    await this.#store.saveProfile({ session, lease: this.lease, capture: this.profile.capture(), wid: this.#wid });
  }

  async rollBackToYesterday(): Promise<void> {
    const state = await this.#store.state({ session });
    const at = state?.current?.at.getTime() ?? 0;
    const old = state?.generations.findLast((one) => at - one.at.getTime() >= DAY);
    if (!old) throw new Error("no generation is a day old");
    await this.#store.rollback({ session, lease: this.lease, generation: old.generation });
  }

  /** The session is deleted, and is brought back. */
  async deleteAndUndelete(): Promise<void> {
    await this.#store.delete({ session, lease: this.lease });
    await this.#store.undelete({ session, lease: this.lease });
  }

  /** A logout; from the next save on another phone is linked. */
  async linkAnotherPhone(): Promise<void> {
    await this.#store.delete({ session, lease: this.lease });
    this.#wid = `${Number.parseInt(this.#wid, 10) + 1}@c.us`;
  }

  #newStore(): Vault {
    this.#clock = this.#time.clock();
    return new Vault(
      {
        onWarning: (message) => this.warnings.push(message),
        leaseTtlMs: LEASE_TTL,
        ...this.#options,
        blobs: this.blobs,
      },
      { clock: this.#clock, processes },
    );
  }
}

/**
 * Days of saves. The process is started anew every day, and crashes every fifth day; every third day has a rollback, a
 * deletion that is taken back, or a logout and another phone.
 */
export async function* runDays(
  bot: SimulatedBot,
  { days, savesPerDay = SAVES_PER_DAY }: { days: number; savesPerDay?: number },
): AsyncGenerator<DayFigures> {
  for (let day = 1; day <= days; day++) {
    await bot.start();
    for (let save = 0; save < savesPerDay; save++) await bot.save(DAY / savesPerDay);
    if (day % 9 === 3) await bot.rollBackToYesterday();
    if (day % 9 === 6) await bot.deleteAndUndelete();
    if (day % 9 === 0) await bot.linkAnotherPhone();
    await bot.end(day % 5 === 0 ? "crash" : "release");
    yield { day, profileBytes: bot.profile.bytes, ...bot.blobs.takeMost() };
  }
}
