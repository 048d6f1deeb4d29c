import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { diskError, isMissing } from "../disk/errors.ts";
import { exactIdentity, identifyFile } from "../disk/file-identity.ts";
import { VaultError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import { sessionName } from "./layout.ts";
import { type Moment, NewestProof } from "./newest-proof.ts";

/** What {@link ZipSearch} takes. */
export interface ZipSearchOptions {
  /** The `dataPath` of the strategy. */
  readonly dataPath: string;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

/** What is searched for. */
export interface ZipQuery {
  /** The name, in any of the forms that the versions of whatsapp-web.js use. */
  readonly session: string;
  /** The path that the caller names. */
  readonly path?: string | undefined;
}

/** The zip that is to be saved. */
export interface FoundZip {
  readonly path: string;
  /** To be called once it is saved: after that, it and the other zips that were there are not new any more. */
  saved(): void;
}

/**
 * What a file is to this search: `changed` since an earlier look, or not there then; `young`, at its first look, when it
 * was written since the store was made, as far as clocks tell; `saved` or written by this store; `old` otherwise.
 */
type Standing = keyof typeof RANK;
const RANK = { changed: 3, young: 2, saved: 1, old: 0 } as const;

/** A file as it was seen. */
interface Seen {
  /** Device, inode, size and times as text; `undefined` when there was no file. */
  readonly identity: string | undefined;
  readonly standing: Standing;
}

interface Candidate {
  readonly path: string;
  readonly identity: string;
  readonly standing: Standing;
  readonly mtimeNs: bigint;
}

/** File systems round a file's time, the coarsest to two seconds. */
const ROUNDED_MS = 2_000;
/** How far the clock of a file system may be ahead of this host's, in milliseconds. */
const AHEAD_MS = 60_000;

/**
 * Finds the zip that a strategy has just written: the one that is not as it was when this store last looked. The clocks of
 * a host and of its file systems may be wrong, and may be set meanwhile: they are asked only about a file that no earlier
 * call has seen, or where several are new.
 */
export class ZipSearch {
  readonly #dataPath: string;
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  readonly #madeAt: Moment;
  /** By absolute path. */
  readonly #seen = new Map<string, Seen>();
  /** By the session's name: where its last zip was found. */
  readonly #places = new Map<string, string>();

  constructor({ dataPath, clock, warn }: ZipSearchOptions) {
    this.#dataPath = dataPath;
    this.#clock = clock;
    this.#warn = warn;
    this.#madeAt = NewestProof.now(clock);
  }

  /**
   * Notes which zips of a session are there already: a later one is told from these. At once, before the caller can write
   * one. Never throws.
   */
  look(session: string): void {
    for (const path of this.#paths(session)) {
      if (this.#seen.has(path)) continue;
      try {
        const found = statSync(path, { bigint: true, throwIfNoEntry: false });
        this.#note(path, found && exactIdentity(identifyFile(found)), found ? this.#firstStanding(found) : "old");
      } catch {
        // Of a place that cannot be looked at, a save tells.
      }
    }
  }

  /** This store has written a zip there: to be saved, it must change, or be the only one. Never rejects. */
  async wrote(path: string): Promise<void> {
    const found = await statOf(path).catch(() => undefined);
    if (found) this.#note(resolve(path), exactIdentity(identifyFile(found)), "saved");
  }

  /**
   * `path` when that exists, else the zip of the session that is new; the one that was saved last when none is.
   * @throws `INVALID` naming every path that was tried when there is none; the error of a disk that does not answer.
   */
  async find({ session, path }: ZipQuery): Promise<FoundZip> {
    const named = path === undefined ? undefined : await this.#candidate(path);
    if (named) return this.#found(session, named, []);
    const all: Candidate[] = [];
    const tried = this.#paths(session);
    let failed: unknown;
    for (const place of tried) {
      const candidate = await this.#candidate(place).catch((error: unknown) => {
        failed ??= error;
        return undefined;
      });
      // One file can have two of the paths.
      if (candidate && all.every(({ identity }) => identity !== candidate.identity)) all.push(candidate);
    }
    const best = Math.max(...all.map(({ standing }) => RANK[standing]), 0);
    const newest = all.filter(({ standing }) => best > 0 && RANK[standing] === best).sort(byTime);
    const place = this.#places.get(sessionName(session));
    const chosen = newest.find((one) => one.path === place) ?? newest[0];
    if (!chosen && failed) throw failed;
    if (!chosen) throw notFound(session, [...(path === undefined ? [] : [resolve(path)]), ...tried], all);
    if (newest.length > 1 && best > RANK.saved) {
      const others = newest.filter((one) => one !== chosen).map((one) => one.path);
      const why = chosen.path === place ? "which is where the one before it was" : "which was written last";
      this.#warn(
        `There is more than one new zip of ${sessionName(session)}: ${chosen.path} is saved, ${why}, and ` +
          `${others.join(", ")} is not. To be sure, name it: \`save({ session, path })\`.`,
      );
    }
    return this.#found(session, chosen, all);
  }

  #found(session: string, chosen: Candidate, all: readonly Candidate[]): FoundZip {
    const saved = (): void => {
      // As they were when they were found: one that was written meanwhile is new.
      for (const { path, identity } of all) this.#note(path, identity, "old");
      this.#note(chosen.path, chosen.identity, "saved");
      this.#places.set(sessionName(session), chosen.path);
    };
    return { path: chosen.path, saved };
  }

  async #candidate(place: string): Promise<Candidate | undefined> {
    const path = resolve(place);
    const found = await statOf(path).catch((cause) => {
      throw diskError(`look for a zip at ${path}`, cause);
    });
    if (!found) {
      this.#note(path, undefined, "old");
      return undefined;
    }
    const [identity, before] = [exactIdentity(identifyFile(found)), this.#seen.get(path)];
    const isKnown = before?.identity === identity;
    const standing = before ? (isKnown ? before.standing : "changed") : this.#firstStanding(found);
    return { path, identity, standing, mtimeNs: found.mtimeNs };
  }

  /** Absolute paths to which the versions of whatsapp-web.js write the zip of a session. */
  #paths(session: string): readonly string[] {
    const file = `${sessionName(session)}.zip`;
    const paths = [`${session}.zip`, join(this.#dataPath, file), join(".wwebjs_auth", file), file];
    return [...new Set(paths.map((path) => resolve(path)))];
  }

  #note(path: string, identity: string | undefined, standing: Standing): void {
    this.#seen.set(path, { identity, standing });
  }

  /**
   * By the clock as it goes now, or as it went when the store was made: it may have been set between. A file from further
   * ahead proves nothing: the clock may have been wrong in an earlier run.
   */
  #firstStanding({ mtimeMs, ctimeMs }: BigIntStats): Standing {
    const writtenAt = Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs);
    const { monotonicMs, wallMs } = NewestProof.now(this.#clock);
    const sinceMs = monotonicMs - this.#madeAt.monotonicMs;
    const isSince = (madeAt: number): boolean =>
      writtenAt >= madeAt - ROUNDED_MS && writtenAt <= madeAt + sinceMs + AHEAD_MS;
    return isSince(this.#madeAt.wallMs) || isSince(wallMs - sinceMs) ? "young" : "old";
  }
}

/** @returns `undefined` when there is no file */
async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function byTime(one: Candidate, other: Candidate): number {
  return one.mtimeNs < other.mtimeNs ? 1 : one.mtimeNs > other.mtimeNs ? -1 : 0;
}

function notFound(session: string, tried: readonly string[], old: readonly Candidate[]): VaultError {
  const paths = [...new Set(tried)].join(", ");
  if (old.length === 0) {
    return new VaultError("INVALID", `Found no zip of ${session}: tried ${paths}.`, {
      hint: "Give the store the same `dataPath` as the strategy.",
    });
  }
  const there = old.map(({ path }) => path).join(", ");
  const message = `Found no new zip of ${session}: ${there} was there before, and has not changed since; tried ${paths}.`;
  return new VaultError("INVALID", message, {
    hint: "A zip of an earlier run is saved only by its name: `save({ session, path })`.",
  });
}
