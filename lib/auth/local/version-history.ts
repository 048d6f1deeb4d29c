import type { StoredVersion } from "../store/store-session.ts";

/** The number of ancestors that are remembered: a day of saves, five minutes apart. */
const REMEMBERED = 300;
/** How long a page that asks for a link may have lacked credentials, in ms: Local Storage is written that late. */
const DOUBTFUL_MS = 60_000;

interface Version extends StoredVersion {
  /** When the version was saved, by `performance.now()`; minus infinity for versions from before this run. */
  readonly at: number;
  /** The link of this run that saved or opened the version; `undefined` for ancestors of the opened version. */
  readonly link: number | undefined;
}

/** The stored versions that a profile descends from, oldest first: it was restored from or saved as the newest. */
export class VersionHistory {
  #versions: readonly Version[];
  #link = 0;

  constructor(versions: readonly StoredVersion[] = []) {
    this.#versions = versions.map((version, index) => ({
      ...version,
      at: Number.NEGATIVE_INFINITY,
      link: index === versions.length - 1 ? 0 : undefined,
    }));
  }

  /** `undefined` when the profile is a descendant of no stored version. */
  get newest(): StoredVersion | undefined {
    return this.#versions.at(-1);
  }

  /** The last 300 ancestors and the newest version. */
  get versions(): readonly StoredVersion[] {
    return this.#versions.slice(-REMEMBERED - 1);
  }

  /** The profile was saved. A store without generations keeps one version only: its new version replaces the last. */
  add({ id, generation }: StoredVersion): void {
    const last = this.#versions.at(-1);
    const isKnown = last?.id === id && last.link === this.#link && last.generation !== undefined;
    const version = { id, generation, at: isKnown ? last.at : performance.now(), link: this.#link };
    const before = last?.id === id || generation === undefined ? this.#versions.slice(0, -1) : this.#versions;
    this.#versions = trimmed([...before.filter((each) => each.id !== id), version]);
  }

  /** The store was rolled back to `version`: the next save is a descendant of it, and not of the later versions. */
  goBack(version: StoredVersion): void {
    const index = this.#versions.findIndex(({ id }) => id === version.id);
    const before = this.#versions.slice(0, Math.max(index, 0));
    this.#versions = [...before, { ...version, at: Number.NEGATIVE_INFINITY, link: this.#link }];
  }

  /** The next versions belong to another link: earlier versions are no candidates for its rollback. */
  beginLink(): void {
    this.#link += 1;
  }

  /**
   * The page of this link asks for a new link: its credentials may have been gone when the last versions were saved.
   * @returns the versions of this link before those versions; none when no version is in doubt, or the link has
   *   one version only
   */
  rollbackCandidates(now: number = performance.now()): StoredVersion[] {
    const ofLink = this.#versions.filter(({ link, generation }) => link === this.#link && generation !== undefined);
    const trusted = ofLink.filter(({ at }) => now - at > DOUBTFUL_MS);
    // When every version is that new, the first version is the least in doubt.
    const before = trusted.length > 0 ? trusted : ofLink.slice(0, 1);
    return before.length === ofLink.length ? [] : before.map(({ id, generation }) => ({ id, generation }));
  }
}

/** The newest versions, and always the first version of the link: rollbacks need it after any number of saves. */
function trimmed(versions: readonly Version[]): readonly Version[] {
  const last = versions.slice(-REMEMBERED - 1);
  const first = versions.find(({ link }) => link === versions.at(-1)?.link);
  return first === undefined || last.includes(first) ? last : [first, ...last];
}
