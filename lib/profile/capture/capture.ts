import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { diskError, isOutOfDescriptors } from "../../disk/errors.ts";
import { isVaultError, VaultError } from "../../errors.ts";
import type { Capture, CaptureFile, ProfileFacts } from "../../store.ts";
import { namesOf } from "../files.ts";
import { LevelDbPart } from "../leveldb/capture.ts";
import { Overtaken } from "../source.ts";
import { SqlitePart } from "../sqlite/capture.ts";
import { type ProfileLayout, probeProfile, VERSION_FILE } from "../storage-layout.ts";
import { type Part, type PartFile, type Stored, smallFile, Unsettled } from "./database-capture.ts";
import { descriptorBudget, Holder } from "./file-pool.ts";

const ATTEMPTS = 20;
const LONGEST_PAUSE_MS = 250;
/** How often what has turned over is taken up again before an attempt goes on with what it has. */
const ROUNDS = 5;
/** How often in a row all databases are looked at for one in which nothing moved: some milliseconds in all. */
const TURNS = 50;

/** What a capture is taken with. */
export interface CaptureOptions {
  /** Whether a browser may be writing. What changes in place is copied then; at rest it is read where it lies. */
  live: boolean;
  /** What the last generation had: a store that was there and is gone now is an error. */
  expected?: ProfileFacts | undefined;
  /**
   * Files of the last capture whose save succeeded: what is unchanged since is neither checked nor copied again, and
   * reading it rejects with `Overtaken` when it changes after the capture.
   */
  stored?: readonly Pick<CaptureFile, "path" | "identity">[] | undefined;
  /** Files held open at once. @default a quarter of the process's limit, at most 1,024 */
  maxOpenFiles?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Takes a view of the parts of a profile that carry the session: a state the browser could have crashed in, checked.
 * Its files are read from descriptors it holds (and from a private, nameless copy of what is overwritten in place), so
 * the browser may go on; `close` lets go of them.
 * @throws `CORRUPT` when the profile is damaged or lacks a store of `expected`; `UNAVAILABLE` when it holds nothing yet,
 *   is gone altogether, or did not hold still in 20 attempts.
 */
export async function captureProfile(dir: string, options: CaptureOptions): Promise<Capture> {
  const holder = new Holder(dir, options.maxOpenFiles ?? (await descriptorBudget()), options.signal);
  try {
    return await new Taking(dir, options, holder).take();
  } catch (error) {
    await holder.close();
    options.signal?.throwIfAborted();
    throw diskError("capture the profile", error);
  }
}

interface Taken {
  readonly part: Part;
  files: PartFile[];
}

class Taking {
  readonly #dir: string;
  readonly #options: CaptureOptions;
  readonly #holder: Holder;
  readonly #stored: Stored;
  readonly #started: number = performance.now();
  readonly #reasons: Unsettled[] = [];
  #taken = new Map<string, Taken>();
  #spreadMs = 0;

  constructor(dir: string, options: CaptureOptions, holder: Holder) {
    this.#dir = dir;
    this.#options = options;
    this.#holder = holder;
    const stored = new Map<string, string>();
    for (const { path, identity } of options.stored ?? []) if (identity) stored.set(path, identity);
    this.#stored = stored;
  }

  async take(): Promise<Capture> {
    const takenAt = new Date();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.#pause(attempt);
      try {
        const layout = await this.#layout();
        await this.#attempt(layout);
        // A database that was created or dropped meanwhile belongs in, or out.
        if (signature(await this.#layout()) === signature(layout)) return this.#capture(layout, takenAt);
      } catch (error) {
        this.#note(error);
        await this.#mustBeThere();
        if (!this.#options.live && attempt >= 2 && this.#isDamage()) break;
      }
    }
    const last = this.#reasons.at(-1)?.message ?? "its databases came and went";
    if (this.#isDamage()) {
      throw new VaultError("CORRUPT", `Could not capture the profile: ${last}.`, {
        hint: "What is stored is not touched; restore it to replace this profile.",
      });
    }
    throw new VaultError("UNAVAILABLE", `Could not capture the profile in ${ATTEMPTS} attempts: ${last}.`);
  }

  /** A profile that is gone altogether is not a damaged one. */
  async #mustBeThere(): Promise<void> {
    try {
      if ((await namesOf(join(this.#dir, "Default"))).length > 0) return;
    } catch (error) {
      return this.#note(error);
    }
    throw new VaultError("UNAVAILABLE", "Could not capture the profile: it is gone.", {
      hint: "Look whether the volume it lies on is still there.",
    });
  }

  async #layout(): Promise<ProfileLayout> {
    const layout = await probeProfile(this.#dir);
    const { expected } = this.#options;
    for (const store of ["indexedDb", "localStorage"] as const) {
      if (expected?.[store] !== undefined && layout.facts[store] === undefined) {
        throw new Unsettled(`it has no ${store === "indexedDb" ? "IndexedDB" : "Local Storage"} any more`, true);
      }
    }
    if (layout.stores.length === 0) {
      throw new VaultError("UNAVAILABLE", "Could not capture the profile: it holds no storage of the site yet.");
    }
    return layout;
  }

  async #attempt(layout: ProfileLayout): Promise<void> {
    const before = this.#taken;
    this.#taken = new Map();
    for (const [key, part] of this.#parts(layout)) {
      this.#taken.set(key, before.get(key) ?? { part: part(), files: [] });
    }
    await this.#moment();
    for (const { part } of this.#taken.values()) await part.secure();
    for (const taken of this.#taken.values()) {
      this.#options.signal?.throwIfAborted();
      taken.files = await taken.part.settle();
    }
  }

  /** Prepares all databases and finds a moment of them all; without one, they are taken as one last look finds them. */
  async #moment(): Promise<void> {
    const parts = [...this.#taken.values()].map(({ part }) => part);
    let [since, unprepared] = [performance.now(), parts];
    for (let round = 0; round < ROUNDS && unprepared.length > 0; round++) {
      since = performance.now();
      for (const part of unprepared) {
        this.#options.signal?.throwIfAborted();
        await (round === 0 ? part.prepare() : part.follow());
      }
      unprepared = [];
      for (let turn = 0; turn < TURNS && unprepared.length === 0; turn++) {
        const marks = parts.map((part) => part.mark());
        unprepared = parts.filter((_part, index) => marks[index] === "unprepared");
        if (turn > 0 && marks.every((mark) => mark === "same")) {
          this.#spreadMs = 0;
          return;
        }
      }
    }
    const from = performance.now();
    for (const part of parts) part.see();
    const marks = parts.map((part) => part.mark());
    // What has turned over is as it was then, at some time since it was taken up.
    this.#spreadMs = performance.now() - (marks.includes("unprepared") ? since : from);
    for (const part of parts) part.see();
  }

  *#parts(layout: ProfileLayout): Generator<[string, () => Part]> {
    const [dir, holder, stored] = [this.#dir, this.#holder, this.#stored];
    for (const store of layout.stores) {
      if (store.backend === "leveldb") {
        yield [store.path, () => new LevelDbPart(dir, store.path, store.blobs, holder, stored)];
      }
      for (const name of store.databases) {
        const path = `${store.path}/${name}`;
        const blobs = store.blobs.filter((blob) => blob === `${path}_`);
        // With blobs that have come since, it is another one.
        const key = [path, ...blobs].join("\n");
        yield [key, () => new SqlitePart({ dir, path, blobs, holder, stored, live: this.#options.live })];
      }
    }
  }

  #capture(layout: ProfileLayout, takenAt: Date): Capture {
    const taken = [...this.#taken.values()];
    const files = taken.flatMap(({ files }) => files);
    const version = layout.facts.browserVersion;
    if (version) files.push(smallFile(VERSION_FILE, Buffer.from(version)));
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    return {
      files: files.map((file) => bounded(file, this.#holder)),
      profile: layout.facts,
      live: this.#options.live,
      takenAt,
      captureMs: performance.now() - this.#started,
      spreadMs: this.#spreadMs,
      close: () => this.#holder.close(),
    };
  }

  /** Keeps what an attempt failed of; what another attempt cannot cure goes up. */
  #note(error: unknown): void {
    if (error instanceof Unsettled) this.#reasons.push(error);
    else if (error instanceof Overtaken) this.#reasons.push(new Unsettled(error.message, false));
    else if (isVaultError(error, "CORRUPT")) this.#reasons.push(new Unsettled(error.message, true));
    else if (isOutOfDescriptors(error) || (isVaultError(error) && isOutOfDescriptors(error.cause))) {
      this.#reasons.push(new Unsettled("this process has run out of file descriptors", false));
    } else throw error;
  }

  #isDamage(): boolean {
    const last = this.#reasons.at(-1);
    return last?.damage === true && this.#reasons.every(({ message }) => message === last.message);
  }

  async #pause(attempt: number): Promise<void> {
    this.#options.signal?.throwIfAborted();
    if (attempt === 0) return;
    const ms = Math.min(LONGEST_PAUSE_MS, 2 ** attempt * (0.5 + Math.random()));
    await sleep(ms, undefined, this.#options.signal ? { signal: this.#options.signal } : {});
  }
}

function signature({ stores, facts }: ProfileLayout): string {
  return JSON.stringify([stores, facts.indexedDb, facts.localStorage]);
}

/** A file of the capture: no read goes past what was captured. */
function bounded(file: PartFile, holder: Holder): CaptureFile {
  return {
    ...file,
    read: async (position, length) => {
      if (holder.isClosed) throw new VaultError("INVALID", `Could not read ${file.path}: the capture is closed.`);
      if (position < 0 || length < 0 || position + length > file.size) {
        throw new VaultError("CORRUPT", `Could not read ${file.path}: it ends at ${file.size}.`);
      }
      try {
        return await file.read(position, length);
      } catch (cause) {
        throw diskError(`read ${file.path}`, cause);
      }
    },
  };
}
