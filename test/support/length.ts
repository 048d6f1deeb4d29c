import type { Runner } from "../contract/runner.ts";

/** Whether this is `npm run test:long`, which a release needs, and not `npm test`, which every change needs. */
export const isLong: boolean = process.env.WA_VAULT_TESTS === "long";

/** Rows of a table that repeat other rows on more machines, stores or versions: none in `npm test`. */
export function onlyLong<T>(...rows: T[]): T[] {
  return isLong ? rows : [];
}

/** A runner that has these tests, by their exact titles, in the long run only: another row of `npm test` shows the same. */
export function leaveToLong({ describe, it }: Runner, ...titles: readonly string[]): Runner {
  return { describe, it: (title, test) => (isLong || !titles.includes(title) ? it(title, test) : undefined) };
}

/** How often something is done: `few` in `npm test`, `many` in the long run. */
export function times(few: number, many: number): number {
  return isLong ? many : few;
}
