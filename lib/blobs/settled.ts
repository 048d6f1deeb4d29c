/** How often a listing is repeated at most until two agree. */
const LISTINGS = 6;

/** One listing, by key. */
export interface Listing<T> {
  readonly found: ReadonlyMap<string, T>;
  /** Whether it was made in one step, and shows one moment by itself. @default false */
  readonly isExact?: boolean | undefined;
}

/**
 * A listing that a backend makes in steps, as it was at one moment. One listing alone may miss a key that was created and
 * the one before it, which was removed after that: so it is repeated until two listings agree. Keys that change all the
 * time never settle; then all that were found are returned.
 */
export async function settled<T>(list: () => Promise<Listing<T>>): Promise<ReadonlyMap<string, T>> {
  const all = new Map<string, T>();
  let before: ReadonlyMap<string, T> | undefined;
  for (let listings = 0; listings < LISTINGS; listings++) {
    const { found, isExact } = await list();
    if (isExact || (before && haveSameKeys(before, found))) return found;
    for (const [key, value] of found) all.set(key, value);
    before = found;
  }
  return all;
}

function haveSameKeys(one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean {
  return one.size === other.size && [...one.keys()].every((key) => other.has(key));
}
