import { withSignal } from "../../async/deadline.ts";
import { Mutex } from "../../async/mutex.ts";
import { SyncedFiles } from "../../profile/synced-files.ts";
import type { CaptureFile } from "../../store.ts";
import type { StoredBase } from "../store/store-session.ts";
import { before, removeMarker, withAncestor, writeMarker } from "./marker.ts";

/** What a profile descends from, as far as it is known. */
export interface Origin {
  /** Names what the store holds; `undefined` when the profile descends from nothing that is stored. */
  readonly base: string | undefined;
  /** Its number, where the store has numbers. */
  readonly generation: number | undefined;
  /** What it held before, of which the profile is what came later; oldest first. */
  readonly ancestors: readonly string[];
}

const NOTHING: Origin = { base: undefined, generation: undefined, ancestors: [] };

/** What a profile descends from while it is in use, and the marker in it that tells the next start. */
export class Descent {
  readonly #session: string;
  readonly #dir: string;
  readonly #synced: SyncedFiles;
  #origin: Origin = NOTHING;
  /** Whether what was saved last, or opened, survives a power failure: a marker says that it does. */
  #isOnDisk = true;
  /** The page asked for a link: until it is linked anew, what is stored is worth more than the profile. */
  #disowned = false;
  /** Whether the marker may say so. */
  #isDisownedOnDisk = false;
  /** The credentials on disk when it did, where they are known. */
  #refusedLink: string | undefined;
  /** One change of the marker after the other, each of what is known by then. */
  readonly #changes: Mutex = new Mutex();

  /** @param dir the profile */
  constructor(session: string, dir: string) {
    this.#session = session;
    this.#dir = dir;
    this.#synced = new SyncedFiles(dir);
  }

  get base(): string | undefined {
    return this.#origin.base;
  }

  /** The profile was opened; its marker is as it should be. */
  start({ base, generation, ancestors }: Origin): void {
    this.#origin = { base, generation, ancestors };
  }

  /** The store now holds what the profile is; {@link vouch} says so on disk. */
  saved(base: string, generation: number): void {
    const { base: last, ancestors } = this.#origin;
    const isNumbered = generation > 0;
    this.#isOnDisk &&= base === last;
    this.#origin = {
      base,
      generation: isNumbered ? generation : undefined,
      ancestors: isNumbered && last !== undefined && last !== base ? withAncestor(ancestors, last) : ancestors,
    };
  }

  /** Says on disk what was saved, once the profile itself is there. */
  async vouch(files: readonly Pick<CaptureFile, "path" | "identity">[], signal: AbortSignal): Promise<void> {
    await withSignal(this.#synced.sync(files, signal), signal);
    this.#isOnDisk = true;
    await this.#mark();
  }

  /** The store was taken back to what it held before: what is linked next does not come after what is gone there. */
  async wentBack({ base, generation }: StoredBase): Promise<void> {
    const { base: last, ancestors } = this.#origin;
    this.#origin = { base, generation, ancestors: base === last ? ancestors : (before(ancestors, base) ?? []) };
    await this.#mark();
  }

  /** From now on the store holds nothing that this profile descends from: says so on disk too. */
  async forget(): Promise<void> {
    this.#origin = NOTHING;
    await this.#changes.run(() => removeMarker(this.#dir));
  }

  /** The page asks for a link: says on disk, for the next start, that what is stored may be worth more. */
  async disown(): Promise<void> {
    this.#disowned = true;
    await this.#mark();
  }

  /** The credentials that a {@link disown} was about. */
  async refuse(link: string | undefined): Promise<void> {
    if (!this.#disowned || link === undefined) return;
    this.#refusedLink = link;
    await this.#mark();
  }

  /** The profile is linked: takes a {@link disown} back; again, where the disk could not be told the last time. */
  async own(): Promise<void> {
    if (!this.#disowned && !this.#isDisownedOnDisk) return;
    this.#disowned = false;
    this.#refusedLink = undefined;
    await this.#mark();
  }

  async #mark(): Promise<void> {
    await this.#changes.run(async () => {
      const { base, generation, ancestors } = this.#origin;
      // One that says that the page asked for a link vouches for nothing.
      if (base === undefined || !(this.#isOnDisk || this.#disowned)) return;
      const isDisowned = this.#disowned;
      const link = this.#refusedLink === undefined ? {} : { link: this.#refusedLink };
      this.#isDisownedOnDisk ||= isDisowned;
      await writeMarker(this.#dir, {
        session: this.#session,
        base,
        ...(generation === undefined ? {} : { generation }),
        ...(isDisowned ? { disowned: true, ...link } : {}),
        ...(ancestors.length === 0 ? {} : { ancestors }),
      });
      this.#isDisownedOnDisk = isDisowned;
    });
  }
}
