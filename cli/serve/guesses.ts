import { isIPv6 } from "node:net";

/** How many wrong tokens are looked at at once, and then one for each so many milliseconds. */
interface Allowance {
  readonly atOnce: number;
  readonly everyMs: number;
}

const OF_ONE: Allowance = { atOnce: 10, everyMs: 2_000 };
const OF_ALL: Allowance = { atOnce: 100, everyMs: 200 };
/** How many addresses are remembered, of each kind. */
const MOST = 5_000;

/** Wrong tokens that were shown, as if they leaked out one after the other. */
interface Spent {
  /** How many are left of them at `at`. */
  count: number;
  at: number;
}

/**
 * Slows down who guesses the token. Only wrong tokens count, and a pause ends within two seconds: a person who has the right one
 * waits no longer than that, and does not wait at all for what other addresses do once it was shown from theirs.
 */
export class Guesses {
  readonly #now: () => number;
  readonly #byAddress = new Map<string, Spent>();
  readonly #all: Spent = { count: 0, at: 0 };
  /** Addresses from which the right token was shown. */
  readonly #known = new Set<string>();

  /** @param now a clock that only goes forward, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How long the token of an address is not looked at, in milliseconds; 0 when it is. */
  pauseMs(address: string): number {
    const place = placeOf(address);
    const own = this.#left(this.#byAddress.get(place), OF_ONE);
    return Math.max(own, this.#known.has(place) ? 0 : this.#left(this.#all, OF_ALL));
  }

  /** A wrong token was shown. */
  wrong(address: string): void {
    const place = placeOf(address);
    const spent = this.#byAddress.get(place) ?? { count: 0, at: 0 };
    this.#spend(spent, OF_ONE);
    // What was used last is forgotten last.
    this.#byAddress.delete(place);
    this.#byAddress.set(place, spent);
    forgetOldest(this.#byAddress);
    // Whoever has the token types it wrong now and then, and keeps nobody else out by that.
    if (!this.#known.has(place)) this.#spend(this.#all, OF_ALL);
  }

  /** The right token was shown. */
  right(address: string): void {
    const place = placeOf(address);
    this.#known.delete(place);
    this.#known.add(place);
    forgetOldest(this.#known);
  }

  #spend(spent: Spent, allowance: Allowance): void {
    const now = this.#now();
    spent.count = countAt(spent, allowance, now) + 1;
    spent.at = now;
  }

  #left(spent: Spent | undefined, allowance: Allowance): number {
    if (spent === undefined) return 0;
    const over = countAt(spent, allowance, this.#now()) + 1 - allowance.atOnce;
    return over > 0 ? Math.ceil(over * allowance.everyMs) : 0;
  }
}

function countAt({ count, at }: Spent, { everyMs }: Allowance, now: number): number {
  return Math.max(0, count - (now - at) / everyMs);
}

function forgetOldest(places: Map<string, unknown> | Set<string>): void {
  const [oldest] = places.keys();
  if (oldest !== undefined && places.size > MOST) places.delete(oldest);
}

/** Whoever has one address of IPv6 has all that begin with the same 64 bits. */
function placeOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(plain)) return plain;
  // As a URL has it: in small letters, with the longest row of zeros left out.
  const short = new URL(`http://[${plain.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
  const [before = "", after] = short.split("::");
  const [head, tail] = [before, after ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const zeros = after === undefined ? [] : Array(8 - (head?.length ?? 0) - (tail?.length ?? 0)).fill("0");
  return [...(head ?? []), ...zeros, ...(tail ?? [])].slice(0, 4).join(":");
}
