/** How many keys one delete has at most. */
const KEYS_PER_DELETE = 64;

/** The items, in groups for one delete each. */
export function* batchesOf<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += KEYS_PER_DELETE) yield items.slice(at, at + KEYS_PER_DELETE);
}
