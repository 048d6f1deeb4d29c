/** Whose names begin so: `session` is a profile of `LocalAuth`, in a folder. */
const PREFIX = /^(?:(RemoteAuth|session|Baileys)(?:-|$))+/i;

/** How many slips of the pen a misspelt name has at most, and how many letters there are for each. */
const MOST_EDITS = 2;
const LETTERS_PER_EDIT = 4;

/** What whatsapp-web.js and Baileys put before the name that a person chose. */
type Family = "browser" | "baileys" | undefined;

/** A name without what is put before it. */
interface Parts {
  readonly family: Family;
  /** In small letters, with hyphens only: two names that differ in nothing else are one name to a person. */
  readonly bare: string;
}

/** From this length on a name that is a part of another is near to it: `support`, `customer-support`. */
const LEAST_PART = 3;
/** How near it is, in edits. */
const PART_DISTANCE = 1.5;

/**
 * The names that are nearest to one: those that a person may have meant, when that one is not there. Sessions of the other
 * kind, of a browser or of Baileys, count only when they have the same name otherwise. Holds a few names, whatever is added.
 */
export class NearestNames {
  /** How many names were added that may have been meant. */
  count = 0;
  readonly #name: string;
  readonly #parts: Parts;
  readonly #most: number;
  #nearest: { readonly name: string; readonly distance: number; readonly isOther: boolean }[] = [];

  /** @param most how many names are kept */
  constructor(name: string, most: number) {
    this.#name = name;
    this.#parts = partsOf(name);
    this.#most = most;
  }

  add(name: string): void {
    const { family, bare } = partsOf(name);
    const isOther = family !== this.#parts.family;
    const isOtherKind = isOther && family !== undefined && this.#parts.family !== undefined;
    if (name === this.#name || (isOtherKind && bare !== this.#parts.bare)) return;
    this.count++;
    const distance = distanceOf(this.#parts.bare, bare);
    const last = this.#nearest[this.#most - 1];
    if (last && last.distance < distance) return;
    const one = { name, distance, isOther };
    this.#nearest = [...this.#nearest, one].sort(byDistance).slice(0, this.#most);
  }

  /** Nearest first. */
  get names(): string[] {
    return this.#nearest.map(({ name }) => name);
  }
}

/**
 * Whether one name is likely to be the other one, misspelt or written in another way. Numbers tell names apart, as those of
 * the customers of a server do: `customer-7` is not near to `customer-8`.
 */
export function isNear(one: string, other: string): boolean {
  const [a, b] = [partsOf(one).bare, partsOf(other).bare];
  if (a === b) return true;
  if (lettersOf(a) === lettersOf(b)) return numbersOf(a) === numbersOf(b);
  return editsBetween(a, b) <= Math.min(MOST_EDITS, Math.floor(Math.min(a.length, b.length) / LETTERS_PER_EDIT));
}

function lettersOf(name: string): string {
  return name.replaceAll(/[-\d]/g, "");
}

function numbersOf(name: string): string {
  return name.replaceAll(/\D/g, "");
}

function byDistance(
  one: { name: string; distance: number; isOther: boolean },
  other: { name: string; distance: number; isOther: boolean },
): number {
  const [a, b] = [one, other].map(({ isOther }) => Number(isOther)) as [number, number];
  return one.distance - other.distance || a - b || (one.name < other.name ? -1 : 1);
}

function partsOf(name: string): Parts {
  const [prefix = "", last] = PREFIX.exec(name) ?? [];
  const family = last === undefined ? undefined : last.toLowerCase() === "baileys" ? "baileys" : "browser";
  return { family, bare: name.slice(prefix.length).toLowerCase().replaceAll("_", "-") };
}

function distanceOf(one: string, other: string): number {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  const edits = editsBetween(short, long);
  return short.length >= LEAST_PART && long.includes(short) ? Math.min(edits, PART_DISTANCE) : edits;
}

/** How many letters must be changed, added, removed or exchanged with their neighbour. */
function editsBetween(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const isExchanged = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      next[j] = Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + Number(!isSame),
        isExchanged ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, row] = [row, next];
  }
  return at(row, other.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
