import type { EntryName } from "../entry.ts";
import type { Fold } from "./fold.ts";

/** What each entry of a session of records says of the log. */
export interface RecordsState {
  /** Number of the last entry whose records are in the segments of the current fold; those after it are needed. */
  readonly through: number;
  /** The newest entry of records; absent when there is none, and nothing is kept. */
  readonly last?: EntryName | undefined;
  /** Numbers of the entries after `through` that stay when they are folded: holds, and what is told to people. */
  readonly lasting: readonly number[];
  /** The entries after `through` whose records are in chunks. */
  readonly tails: readonly EntryName[];
}

/** The entry before the next one, as far as its records matter. */
interface Before extends EntryName {
  readonly records?: RecordsState | undefined;
}

/** What the next entry does. */
interface Next extends EntryName {
  readonly hasRecords: boolean;
  readonly fold?: Fold | undefined;
  readonly hasTail: boolean;
  /** Whether nothing is kept from it on. */
  readonly isEmpty: boolean;
}

/**
 * The state after the next entry, the numbers that are needed no more, and those that stay whatever becomes of their records.
 * @param isLasting whether the entry before it stays when it is folded
 */
export function recordsAfter(
  { n, records = { through: n, lasting: [], tails: [] } }: Before,
  isLasting: boolean,
  next: Next,
): { records: RecordsState; unneeded: number[]; lasting: readonly number[] } {
  const isNew = n > records.through;
  const known = isLasting && isNew ? [...records.lasting, n] : records.lasting;
  // A fold of an earlier link, which is encrypted anew, says nothing of the present one.
  const folded = Math.max(records.through, next.fold?.through.n ?? 0);
  const through = next.isEmpty ? next.n - 1 : folded;
  const unneeded: number[] = [];
  for (let one = records.through + 1; one <= through; one++) if (!known.includes(one)) unneeded.push(one);
  const tails = records.tails.filter((one) => one.n > through);
  return {
    records: {
      through,
      last: next.hasRecords ? { n: next.n, id: next.id } : next.isEmpty ? undefined : records.last,
      lasting: known.filter((one) => one > through),
      tails: next.hasTail ? [...tails, { n: next.n, id: next.id }] : tails,
    },
    unneeded,
    lasting: known,
  };
}

/** Numbers as ranges for JSON: one alone, or the first and the last of a run. */
export function packNumbers(numbers: readonly number[]): (number | [first: number, last: number])[] {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === n) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([first, last]) => (first === last ? first : [first, last]));
}

/** The reverse of {@link packNumbers}; `undefined` when `value` is no such list, or has more numbers than `most`. */
export function unpackNumbers(value: unknown, most = 1_000_000): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const numbers: number[] = [];
  for (const one of value) {
    const [first, last] = Array.isArray(one) ? one : [one, one];
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || first < 0 || last < first) return undefined;
    if (numbers.length + last - first >= most) return undefined;
    for (let n = first; n <= last; n++) numbers.push(n);
  }
  return numbers;
}
