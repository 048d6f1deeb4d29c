import { isVaultError } from "../../../../lib/errors.ts";
import type { Lease, SaveReport } from "../../../../lib/store.ts";
import type { Entry, LogState } from "../../../../lib/vault/entry.ts";
import type { Vault } from "../../../../lib/vault/vault.ts";
import { captureOf, type Files, profileFiles } from "../../../contract/profile.ts";
import { takeProfile } from "./memory-profiles.ts";
import { sameRecords } from "./record-operations.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";
import { textOf } from "./true-records.ts";
import type { World } from "./world.ts";

type Test = (state: LogState) => boolean;
/** How long the caller of an operation waits. */
export type Patience = { signal?: AbortSignal };
type Options = { session: string; lease?: Lease; signal?: AbortSignal };

const CONTENTS: readonly Buffer[] = ["red", "green", "blue", "grey"].map((name) => Buffer.from(name.repeat(5)));

const isPresent: Test = ({ content, deleted }) => content !== 0 && !deleted;
const isAbsent: Test = (state) => !isPresent(state);

/**
 * The operations of one process. Each result must have been true of the session at some time between the call and the
 * answer: a process that was overtaken may not answer by what it knows.
 */
export class Operations {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #store: Vault;
  /** The files of the saves under way: the newest last. */
  readonly #saving: Files[] = [];
  #saved: Files | undefined;
  /** Ids of the entries that this process has sent, without holds. */
  readonly #sent = new Set<string>();
  /** Operations under way that may delete. */
  deleting = 0;

  constructor(world: World, process: SimulatedProcess, store: Vault) {
    this.#world = world;
    this.#process = process;
    this.#store = store;
  }

  /** An entry of this process is about to be sent. */
  sends({ id, kind }: Entry): void {
    // A hold that comes late undoes nothing.
    if (kind !== "hold") this.#sent.add(id);
    const files = this.#saving.at(-1);
    if (kind === "save" && files) this.#world.contents.set(id, files);
  }

  /** One that changes the session, under a lease. */
  async change(lease: Lease, patience: Patience): Promise<void> {
    const common = { session: this.#world.session, lease, ...patience };
    const choice = this.#random.next();
    if (choice < 0.6) await this.#saveAndPrune(lease, patience);
    else if (choice < 0.7) await this.#mark(lease, this.#someGeneration(true), "proven", patience);
    else if (choice < 0.74) await this.#mark(lease, this.#someGeneration(false), "rejected", patience);
    else if (choice < 0.82) await this.#rollback(lease, this.#someGeneration(false), patience);
    else if (choice < 0.94) await this.#mayDelete(() => this.#store.prune(common));
    else if (choice < 0.96) await this.changeUnleased(patience);
    else if (choice < 0.98) await this.#delete(common, this.#random.chance(0.3));
    else await this.#undelete(common);
  }

  /** The same without a lease. */
  async changeUnleased(patience: Patience): Promise<void> {
    await this.deleteOrUndelete(patience);
  }

  /** Deletes the session or brings it back, under a lease or not. */
  async deleteOrUndelete(options: Omit<Options, "session">): Promise<void> {
    const { session } = this.#world;
    const choice = this.#random.next();
    if (choice < 0.5) await this.#delete({ session, ...options }, choice < 0.1);
    else await this.#undelete({ session, ...options });
  }

  /** Deletes the session by `remove`. @param isFinal whether nothing of it is kept */
  async remove(what: string, isFinal: boolean, remove: () => Promise<void>): Promise<void> {
    const { truth, plan } = this.#world;
    const isDeleted: Test = ({ content, deleted }) => content === 0 || (deleted !== undefined && !isFinal);
    const sent = [...this.#sent];
    await this.#checked(
      what,
      () => this.#mayDelete(remove),
      isDeleted,
      () => false,
    );
    // What this process sent before may not undo it; a save that is called meanwhile may follow it.
    if (plan.mode !== "lossy") truth.ruleOut(sent);
  }

  /** Removes what nobody needs, under a lease. */
  async prune(lease: Lease, patience: Patience): Promise<void> {
    await this.#mayDelete(() => this.#store.prune({ session: this.#world.session, lease, ...patience }));
  }

  /** One that only reads. */
  async read(patience: Patience): Promise<void> {
    const choice = this.#random.next();
    if (choice < 0.6 && this.#world.plan.form === "records") await this.#peek(patience);
    else if (choice < 0.6) await this.restore(undefined, patience);
    else if (choice < 0.75) await this.#look(patience);
    else if (choice < 0.9) await this.#exists();
    else await this.#history(patience);
  }

  /** Takes the session from whoever has it. */
  async breakLease(patience: Patience): Promise<void> {
    const { session, truth, plan } = this.#world;
    const { epoch } = truth.newest;
    this.#say("break …");
    await this.#store.breakLease({ session, ...patience });
    if (plan.mode !== "lossy" && epoch > 0 && truth.newest.epoch <= epoch)
      throw new Error(`${this.#process.name} broke a lease, and nobody was fenced`);
  }

  /** Once nothing goes on any more: all that is kept is whole, and nothing else is kept. */
  async observe(): Promise<void> {
    const { truth, session, plan, acknowledged } = this.#world;
    await this.#exists();
    await this.#history();
    if (plan.form === "records") await this.#observeRecords();
    else if (isPresent(truth.newest)) {
      for (const { n } of truth.newest.live) await this.restore(n);
      await this.restore();
    }
    await this.#store.breakLease({ session });
    const lease = await this.#store.acquire({ session });
    // The first one may find that the store has lost something.
    for (let prunes = 0; prunes < (plan.mode === "lossy" ? 2 : 1); prunes++)
      await this.#store.prune({ session, lease });
    await lease.release();
    const lost = [...acknowledged].find((name) => !truth.hasSet(name));
    if (plan.mode !== "lossy" && lost !== undefined) throw new Error(`${lost} was stored, and is gone`);
    if (plan.mode !== "lossy") truth.assertNothingLeft();
  }

  async #mayDelete<T>(work: () => Promise<T>): Promise<T> {
    this.deleting++;
    try {
      return await work();
    } finally {
      this.deleting--;
    }
  }

  /** Runs `work`, and sees whether its result, or that there is nothing, was true at some time meanwhile. */
  async #checked(what: string, work: () => Promise<unknown>, holds: Test, holdsWhenAbsent: Test): Promise<void> {
    const { truth, plan } = this.#world;
    const { moment } = truth;
    this.#say(`${what} …`);
    let wasAbsent = false;
    try {
      await work();
    } catch (error) {
      if (!isVaultError(error, "ABSENT")) throw error;
      wasAbsent = true;
    }
    const result = wasAbsent ? "absent" : "done";
    this.#say(`${what}: ${result}`);
    if (plan.mode === "lossy" || truth.wasTrue(moment, wasAbsent ? holdsWhenAbsent : holds)) return;
    throw new Error(`${what} of ${this.#process.name} ended ("${result}"), and that was not so at any time meanwhile`);
  }

  async #mark(lease: Lease, generation: number, as: "proven" | "rejected", patience: Patience): Promise<void> {
    await this.#checked(
      `mark ${generation} ${as}`,
      () => this.#store.mark({ session: this.#world.session, lease, generation, as, ...patience }),
      ({ live }) => {
        const marked = live.find(({ n }) => n === generation);
        return (
          marked !== undefined &&
          (as === "proven" ? marked.proven === true && !marked.rejected : marked.rejected === true)
        );
      },
      ({ live }) => !live.some(({ n }) => n === generation),
    );
  }

  async #rollback(lease: Lease, generation: number, patience: Patience): Promise<void> {
    await this.#checked(
      `rollback to ${generation}`,
      () => this.#store.rollback({ session: this.#world.session, lease, generation, ...patience }),
      (state) => state.content === generation && isPresent(state),
      (state) => isAbsent(state) || !state.live.some(({ n }) => n === generation),
    );
  }

  async #delete(options: Options, isFinal: boolean): Promise<void> {
    const retain = isFinal ? { retainMs: 0 } : {};
    const remove = (): Promise<void> => this.#store.delete({ ...options, ...retain });
    await this.remove(isFinal ? "delete for good" : "delete", isFinal, remove);
  }

  async #undelete(options: Options): Promise<void> {
    await this.#checked("undelete", () => this.#store.undelete(options), isPresent, isAbsent);
  }

  async #saveAndPrune(lease: Lease, patience: Patience): Promise<void> {
    const { session, plan } = this.#world;
    await this.#mayDelete(() => this.#save(lease, patience));
    if (!this.#random.chance(plan.prunes)) return;
    await this.#mayDelete(() => this.#store.prune({ session, lease, ...patience }));
  }

  async #save(lease: Lease, patience: Patience): Promise<void> {
    const { truth, session, outcome } = this.#world;
    const files = this.#saved && this.#random.chance(0.2) ? this.#saved : this.#someFiles();
    const wid = this.#random.chance(0.9) ? "1@c.us" : "2@c.us";
    const taken = captureOf(files, { identity: this.#random.chance(0.5) });
    const capture = { ...taken, takenAt: new Date(this.#process.clock.wallMs()) };
    const { moment } = truth;
    this.#say("save …");
    // Saves of one lease run one after the other.
    const begin = (): void => void this.#saving.push(files);
    const report = await this.#store.saveProfile({ session, capture, lease, wid, ...patience, beforeCommit: begin });
    outcome.saves++;
    if (report.unchanged) outcome.unchanged++;
    this.#saved = files;
    this.#checkSave(report, moment);
  }

  #checkSave({ id, generation, unchanged }: SaveReport, moment: number): void {
    const { truth, plan } = this.#world;
    this.#say(`save: ${generation}${unchanged ? ", unchanged" : ""}`);
    if (plan.mode === "lossy") return;
    if (!unchanged && !truth.wasNewest(id))
      throw new Error(`a save was told "committed" whose entry ${generation} never was the newest`);
    const isCurrent: Test = ({ content, live, deleted }) =>
      !deleted && live.some((one) => one.n === content && one.id === id);
    if (unchanged && !truth.wasTrue(moment, isCurrent))
      throw new Error(
        `a save was told "unchanged", and its generation, ${generation}, was not current at any time meanwhile`,
      );
  }

  async #look(patience: Patience): Promise<void> {
    let found: Awaited<ReturnType<Vault["state"]>>;
    const look = async (): Promise<void> => {
      found = await this.#store.state({ session: this.#world.session, ...patience });
    };
    await this.#checked(
      "look",
      look,
      ({ n, epoch }) => n === (found?.entry ?? 0) && epoch === (found?.epoch ?? 0),
      () => false,
    );
  }

  async #observeRecords(): Promise<void> {
    const { truth, session, plan } = this.#world;
    await this.#peek({});
    if (plan.mode === "lossy" || truth.newest.deleted) return;
    for (const { n, id } of truth.newest.live) {
      const expected = truth.recordsOf(id);
      if (n === truth.newest.content || !expected) continue;
      const found = await this.#store.peekRecords({ session, generation: n });
      if (!found || !sameRecords(textsOf(found), expected))
        throw new Error(`generation ${n}, of a link that was deleted, is not whole`);
    }
  }

  /** The records are those of one moment meanwhile. */
  async #peek(patience: Patience): Promise<void> {
    const { truth, session, plan, outcome } = this.#world;
    const { moment } = truth;
    const found = (await this.#store.peekRecords({ session, ...patience })) ?? new Map<string, Buffer>();
    outcome.restores++;
    if (plan.mode === "lossy") return;
    const records = textsOf(found);
    for (let at = moment; at <= truth.moment; at++) if (sameRecords(records, truth.records(at))) return;
    throw new Error("a reader found records that were never there together");
  }

  async #exists(): Promise<void> {
    let found: boolean | undefined;
    const look = async (): Promise<void> => {
      found = await this.#store.sessionExists({ session: this.#world.session });
    };
    await this.#checked(
      "exists",
      look,
      (state) => isPresent(state) === found,
      () => false,
    );
  }

  async #history(patience: Patience = {}): Promise<void> {
    const { session, plan } = this.#world;
    const entries: { entry: number; kind: string }[] = [];
    const read = async (): Promise<void> => {
      for await (const entry of this.#store.history({ session, ...patience })) entries.push(entry);
    };
    await this.#checked(
      "history",
      read,
      ({ n }) => n === (entries[0]?.entry ?? 0),
      () => false,
    );
    if (entries.some(({ entry }, at) => at > 0 && entry >= (entries[at - 1]?.entry ?? 0)))
      throw new Error(`a history is not in order: ${entries.map(({ entry }) => entry)}`);
    if (plan.mode !== "lossy" && entries.some(({ kind }) => kind === "unreadable"))
      throw new Error("a history has an entry that cannot be read");
  }

  /** Restores the current generation, or the one that is named. */
  async restore(generation?: number, patience: Patience = {}): Promise<void> {
    const { session, outcome, contents, plan } = this.#world;
    const into = `${this.#process.name}/${outcome.restores++}`;
    const named = generation === undefined ? {} : { generation };
    let restored = 0;
    const restore = async (): Promise<void> => {
      const report = await this.#store.restoreProfile({ session, into, ...named, ...patience });
      const { id, skipped } = report;
      restored = report.generation;
      if (plan.mode !== "lossy" && skipped.length > 0)
        throw new Error(`generations ${JSON.stringify(skipped)} did not verify`);
      const expected = contents.get(id);
      if (!expected) throw new Error(`generation ${restored} was restored, and nobody has saved it`);
      equal(takeProfile(into), expected, restored);
    };
    const isRight: Test = (state) => isPresent(state) && (generation !== undefined || state.content === restored);
    await this.#checked("restore", restore, isRight, isAbsent);
  }

  /** Few contents, so that the same chunks come and go and come again. */
  #someFiles(): Files {
    const more: Record<string, Buffer> = {};
    for (let file = 0; file < 3; file++) {
      if (this.#random.chance(0.7)) more[`Default/${file}`] = this.#random.pick(CONTENTS);
    }
    return profileFiles(`value ${this.#random.below(4)}`, more);
  }

  #someGeneration(isCurrent: boolean): number {
    const { content, live } = this.#world.truth.newest;
    if (isCurrent && content !== 0) return content;
    return live.length > 0 ? this.#random.pick(live).n : 1;
  }

  get #random(): Simulation["random"] {
    return this.#world.simulation.random;
  }

  #say(what: string): void {
    this.#world.simulation.say(this.#process.name, () => what);
  }
}

function textsOf(records: ReadonlyMap<string, Buffer>): Map<string, string> {
  return new Map([...records].map(([key, value]) => [key, textOf(value)]));
}

function equal(actual: Files, expected: Files, generation: number): void {
  const text = (files: Files): string =>
    JSON.stringify(
      Object.entries(files)
        .map(([path, bytes]) => [path, bytes.toString("hex")])
        .sort(),
    );
  if (text(actual) !== text(expected)) throw new Error(`generation ${generation} restored something else`);
}
