import type { StoredVersion } from "../store/store-session.ts";

/** How many ancestors are remembered: a day of saves, five minutes apart. */
const REMEMBERED = 300;
/** How long before a page asks for a link it may have lost its credentials, in ms: Local Storage is written that late. */
const DOUBTFUL_MS = 60_000;

interface Version extends StoredVersion {
  /** When it was saved, by `performance.now()`; long ago for versions that were there at the start. */
  readonly at: number;
  /** Which link of this run saved or opened it; `undefined` for the ancestors of the version that was opened. */
  readonly link: number | undefined;
}

/** The stored versions that a profile comes from, oldest first: the newest one is what it was restored from or saved as. */
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

  /** `undefined` when the profile comes from nothing that is stored. */
  get newest(): StoredVersion | undefined {
    return this.#versions.at(-1);
  }

  /** The last 300 ancestors and the newest version. */
  get versions(): readonly StoredVersion[] {
    return this.#versions.slice(-REMEMBERED - 1);
  }

  /** The profile was saved. A store without generations keeps one version only: then the new one replaces the last. */
  add({ id, generation }: StoredVersion): void {
    const last = this.#versions.at(-1);
    const isKnown = last?.id === id && last.link === this.#link && last.generation !== undefined;
    const version = { id, generation, at: isKnown ? last.at : performance.now(), link: this.#link };
    const before = last?.id === id || generation === undefined ? this.#versions.slice(0, -1) : this.#versions;
    this.#versions = trimmed([...before.filter((each) => each.id !== id), version]);
  }

  /** The store was taken back to `version`: what is saved next comes after that one, and not after the later ones. */
  goBack(version: StoredVersion): void {
    const index = this.#versions.findIndex(({ id }) => id === version.id);
    const before = this.#versions.slice(0, Math.max(index, 0));
    this.#versions = [...before, { ...version, at: Number.NEGATIVE_INFINITY, link: this.#link }];
  }

  /** The versions saved from now on belong to another link: none before is a candidate for its rollback. */
  beginLink(): void {
    this.#link += 1;
  }

  /**
   * The page of this link asks for a new one: its credentials may have been gone when the last versions were saved.
   * @returns the generations of the link before those; none when nothing is in doubt, or nothing came before
   */
  rollbackCandidates(now: number = performance.now()): number[] {
    const ofLink = this.#versions.filter(({ link, generation }) => link === this.#link && generation !== undefined);
    const trusted = ofLink.filter(({ at }) => now - at > DOUBTFUL_MS);
    // Where all are as new as that, the first is the least in doubt.
    const before = trusted.length > 0 ? trusted : ofLink.slice(0, 1);
    return before.length === ofLink.length ? [] : before.flatMap(({ generation }) => generation ?? []);
  }
}

/** However many saves there were within the last minute: the first version of the link is what they are rolled back to. */
function trimmed(versions: readonly Version[]): readonly Version[] {
  const last = versions.slice(-REMEMBERED - 1);
  const first = versions.find(({ link }) => link === versions.at(-1)?.link);
  return first === undefined || last.includes(first) ? last : [first, ...last];
}
