import { isIPv6 } from "node:net";

/** How late the answers to wrong tokens from one address come, in milliseconds: the first at once, for a person who mistypes. */
const LATE_MS = [0, 100, 200, 400, 800, 1_600, 2_000] as const;
/** After how long one wrong token of an address is forgotten, in milliseconds. */
const FORGET_MS = 10_000;
/** How many addresses are remembered. */
const MOST = 5_000;

/** Wrong tokens that were shown from an address, less those that were forgotten by `at`. */
interface Wrong {
  count: number;
  at: number;
}

/**
 * Counts wrong tokens by the address that has shown them, and says how late each is answered. The right token is never
 * counted, and never late: whoever has it shares an address with whoever guesses, behind a proxy.
 */
export class Guesses {
  readonly #now: () => number;
  readonly #byAddress = new Map<string, Wrong>();

  /** @param now a clock that only goes forward, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Counts a wrong token. @returns how late it is to be answered, in milliseconds: up to two seconds */
  wrong(address: string): number {
    const place = placeOf(address);
    const now = this.#now();
    const before = this.#byAddress.get(place) ?? { count: 0, at: now };
    const count = Math.max(0, before.count - (now - before.at) / FORGET_MS);
    // What was used last is forgotten last.
    this.#byAddress.delete(place);
    this.#byAddress.set(place, { count: Math.min(count + 1, LATE_MS.length), at: now });
    const [oldest] = this.#byAddress.keys();
    if (oldest !== undefined && this.#byAddress.size > MOST) this.#byAddress.delete(oldest);
    return LATE_MS[Math.min(Math.floor(count), LATE_MS.length - 1)] ?? 0;
  }
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
