import { statSync } from "node:fs";
import { VaultError } from "../errors.ts";
import { captureProfile } from "../profile/capture.ts";
import { Overtaken } from "../profile/source.ts";
import { SyncedFiles } from "../profile/synced-files.ts";
import type { Capture, CaptureFile, ProfileFacts, SaveReport } from "../store.ts";
import { CredentialsCheck } from "./credentials-check.ts";
import { Lineage } from "./lineage.ts";
import { before, removeMarker, withAncestor, writeMarker } from "./marker.ts";
import { within, withSignal } from "./patience.ts";
import type { StoreLink } from "./store-link.ts";

/** What the saves of one run need to know. */
export interface ProfileSaverOptions {
  readonly link: StoreLink;
  readonly session: string;
  /** The profile. */
  readonly dir: string;
  /** When READY was first seen, by `performance.now()`; `undefined` while the session is not linked. */
  readonly linkedSince: () => number | undefined;
  /** Whether a browser may be writing. */
  readonly browserRuns: () => boolean;
  /** Whose phone it is. */
  readonly wid: () => string | undefined;
  /** Hears of every save. Must not throw. */
  readonly onSaved: (report: SaveReport) => void;
  /** Hears of what went wrong beside a save that succeeded. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** The longest that going back may keep the QR waiting, in ms. */
const GO_BACK_LIMIT_MS = 30_000;

/** Captures the profile and stores it, one save at a time, as long as the session is linked. */
export class ProfileSaver {
  readonly #options: ProfileSaverOptions;
  /** Names what the store holds, as far as this run knows. */
  #base: string | undefined;
  /** Its number, where the store has numbers. */
  #generation: number | undefined;
  /** What it held before, of which this profile is what came later; oldest first. */
  #ancestors: readonly string[] = [];
  /** What the profile must have, because the store has it. */
  #expected: ProfileFacts = {};
  /** What the last save stored: it need not be checked or copied again while it does not change. */
  #stored: readonly Pick<CaptureFile, "path" | "identity">[] = [];
  readonly #synced: SyncedFiles;
  /** Whether what was saved last, or opened, survives a power failure: a marker says that it does. */
  #isOnDisk = true;
  #credentials: CredentialsCheck;
  #lineage = new Lineage();
  /** The page asked for a link: until it is linked anew, what is stored is worth more than the profile. */
  #disowned = false;
  /** Whether the marker may say so. */
  #isDisownedOnDisk = false;
  /** The credentials on disk when it did, where they are known. */
  #refusedLink: string | undefined;
  #marking: Promise<void> = Promise.resolve();
  #saving: Promise<SaveReport> | undefined;
  #queued: Promise<SaveReport> | undefined;

  constructor(options: ProfileSaverOptions) {
    this.#options = options;
    this.#synced = new SyncedFiles(options.dir);
    this.#credentials = new CredentialsCheck(options);
  }

  /** Takes note of what the store holds and the profile is made of. */
  start(
    opened: { base: string | undefined; generation: number | undefined; ancestors: readonly string[] },
    expected: ProfileFacts,
  ): void {
    const { base, generation, ancestors } = opened;
    this.#base = base;
    this.#generation = generation;
    this.#ancestors = ancestors;
    this.#expected = expected;
    this.#stored = [];
    this.#credentials = new CredentialsCheck(this.#options);
    this.#lineage = new Lineage(generation);
  }

  /** The page asks for a link: what is on disk now is not the session that is linked next. Never rejects. */
  async expectNewLink(signal: AbortSignal): Promise<void> {
    this.#lineage = new Lineage();
    const link = await this.#credentials.expectNewLink(signal);
    if (!this.#disowned || link === undefined) return;
    this.#refusedLink = link;
    await this.#mark().catch(this.#options.onError);
  }

  /**
   * A page that was linked asks for a link: its credentials may have been gone when the last saves were made. What is
   * stored is then again what came before those, where the store keeps that.
   */
  async goBack(signal: AbortSignal): Promise<void> {
    const { link, session } = this.#options;
    const trusted = this.#lineage.beforeDoubt();
    if (trusted.length === 0) return;
    const tooLate = (cause: unknown): VaultError => {
      const hint = `The last saves may lack the credentials: roll back to generation ${trusted.at(-1)}.`;
      const message = `Could not go back from the last saves of ${session} within ${GO_BACK_LIMIT_MS} ms.`;
      return new VaultError("UNAVAILABLE", message, { cause, hint });
    };
    const found = await within({ limitMs: GO_BACK_LIMIT_MS, signal, tooLate }, (limited) =>
      withSignal(link.goBack(trusted, limited), limited),
    );
    if (found === undefined) return;
    // What is linked next does not come after what was stepped back from.
    if (found.base !== this.#base) this.#ancestors = before(this.#ancestors, found.base) ?? [];
    this.#base = found.base;
    this.#generation = found.generation;
    this.#stored = [];
    await this.#mark();
  }

  /** From now on the store holds nothing that this profile descends from: says so on disk too. */
  async forget(): Promise<void> {
    this.#base = undefined;
    this.#generation = undefined;
    this.#ancestors = [];
    this.#expected = {};
    this.#stored = [];
    await this.#inTurn(() => removeMarker(this.#options.dir));
  }

  /** The page asks for a link: says on disk, for the next start, that what is stored may be worth more. */
  async disown(): Promise<void> {
    this.#disowned = true;
    await this.#mark();
  }

  /** The profile is linked: takes a {@link disown} back; again, where the disk could not be told the last time. */
  async own(): Promise<void> {
    if (!this.#disowned && !this.#isDisownedOnDisk) return;
    this.#disowned = false;
    this.#refusedLink = undefined;
    await this.#mark();
  }

  /** Says on disk what the profile descends from. */
  async #mark(): Promise<void> {
    await this.#inTurn(async () => {
      // One that says that the page asked for a link vouches for nothing.
      if (this.#base === undefined || !(this.#isOnDisk || this.#disowned)) return;
      const { session, dir } = this.#options;
      const generation = this.#generation === undefined ? {} : { generation: this.#generation };
      const ancestors = this.#ancestors.length === 0 ? {} : { ancestors: this.#ancestors };
      const isDisowned = this.#disowned;
      const link = this.#refusedLink === undefined ? {} : { link: this.#refusedLink };
      const disowned = isDisowned ? { disowned: true, ...link } : {};
      this.#isDisownedOnDisk ||= isDisowned;
      await writeMarker(dir, { session, base: this.#base, ...generation, ...disowned, ...ancestors });
      this.#isDisownedOnDisk = isDisowned;
    });
  }

  /** One change of the marker after the other, each of what is known by then. */
  async #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#marking.then(change);
    this.#marking = changed.catch(() => undefined);
    await changed;
  }

  /** Whether what is on disk already carries the session. */
  async isSettled(signal: AbortSignal): Promise<boolean> {
    return await this.#credentials.look(signal);
  }

  /** Saves now, or after the save that is under way; callers that come meanwhile share that next one. */
  async next(signal: AbortSignal): Promise<SaveReport> {
    if (this.#queued !== undefined) return await this.#queued;
    if (this.#saving === undefined) return await this.#begin(signal);
    this.#queued = this.#saving
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        return this.#begin(signal);
      });
    return await this.#queued;
  }

  /** Resolves when no save is under way. Never rejects. */
  async idle(): Promise<void> {
    for (let last = this.#last(); last !== undefined; last = this.#last()) await last.catch(() => undefined);
  }

  #last(): Promise<SaveReport> | undefined {
    return this.#queued ?? this.#saving;
  }

  #begin(signal: AbortSignal): Promise<SaveReport> {
    const saving = this.#save(signal).finally(() => {
      if (this.#saving === saving) this.#saving = undefined;
    });
    this.#saving = saving;
    return saving;
  }

  async #save(signal: AbortSignal): Promise<SaveReport> {
    try {
      return await this.#capture(this.#options.browserRuns(), signal);
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error;
      // A browser wrote into a database that was not copied, and the store has asked for it all the same.
      this.#stored = [];
      return await this.#capture(true, signal);
    }
  }

  /** @param live whether a browser may be writing */
  async #capture(live: boolean, signal: AbortSignal): Promise<SaveReport> {
    const { link, dir, wid, onSaved } = this.#options;
    this.#mustBeLinked();
    const [expected, stored] = [this.#expected, this.#stored];
    const place = placeOf(dir);
    const capture = await captureProfile(dir, { expected, stored, live, signal });
    try {
      await this.#mustBeSettled(capture);
      const { base, report } = await link.save(capture, {
        base: this.#base,
        wid: wid(),
        // A logout, or another profile, while the capture was on its way: what was captured must not become the session.
        beforeCommit: () => {
          this.#mustBeLinked();
          this.#mustBeAt(place);
        },
        signal,
      });
      this.#isOnDisk &&= base === this.#base;
      this.#descend(base, report.generation);
      this.#expected = capture.profile;
      this.#stored = capture.files.map(({ path, identity }) =>
        identity === undefined ? { path } : { path, identity },
      );
      await this.#vouch(capture, signal);
      onSaved(report);
      return report;
    } finally {
      await capture.close();
    }
  }

  /** The store now holds what the profile is. */
  #descend(base: string, generation: number): void {
    const isNumbered = generation > 0;
    if (isNumbered && this.#base !== undefined && this.#base !== base) {
      this.#ancestors = withAncestor(this.#ancestors, this.#base);
    }
    this.#base = base;
    this.#generation = isNumbered ? generation : undefined;
    if (isNumbered) this.#lineage.add(generation);
  }

  /** Says on disk what was saved once the profile itself is there. Never rejects: the save is made. */
  async #vouch(capture: Capture, signal: AbortSignal): Promise<void> {
    try {
      await withSignal(this.#synced.sync(capture.files, signal), signal);
      this.#isOnDisk = true;
      await this.#mark();
    } catch (error) {
      // Without time for it the marker stays that of the save before, and the next start restores this one.
      if (!signal.aborted) this.#options.onError(error);
    }
  }

  #mustBeLinked(): void {
    if (this.#options.linkedSince() !== undefined) return;
    throw new VaultError("INVALID", `Session ${this.#options.session} is not saved: it is not linked.`, {
      hint: "Saves are made between `ready` and the first disconnect or logout.",
    });
  }

  /** Parts of two profiles must not become one session. */
  #mustBeAt(place: string): void {
    const { session, dir } = this.#options;
    if (placeOf(dir) === place) return;
    throw new VaultError("UNAVAILABLE", `Session ${session} is not saved: its profile was replaced meanwhile.`, {
      hint: `Something else moves ${dir}: run one process per session.`,
    });
  }

  async #mustBeSettled(capture: Capture): Promise<void> {
    // Something stored beats nothing; and what is stored already was looked at.
    if (this.#base === undefined || (this.#credentials.isSettled && isStored(capture, this.#stored))) return;
    await this.#credentials.mustBeIn(capture, this.#options.linkedSince() ?? 0);
  }
}

/** Whether every file is what it was when it was stored. */
function isStored(capture: Capture, stored: readonly Pick<CaptureFile, "path" | "identity">[]): boolean {
  const known = new Map(stored.map(({ path, identity }) => [path, identity]));
  return capture.files.every(({ path, identity }) => identity !== undefined && known.get(path) === identity);
}

/** Tells the directory at `dir` from another one that has come in its place. */
function placeOf(dir: string): string {
  const found = statSync(dir, { bigint: true, throwIfNoEntry: false });
  return `${found?.dev} ${found?.ino}`;
}
