import type { AnyAuthState, AnySignalKeys, AuthenticationCreds } from "../types.ts";

/** A state that is read by the ids of its records. */
export interface ReadableState {
  /** For messages. */
  readonly label: string;
  /** @returns `undefined` when it has none */
  creds(): Promise<AuthenticationCreds | undefined>;
  /** The values of these ids; those that are absent are left out. */
  get(type: string, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>>;
  /** All records of a family; `undefined` when they cannot be listed. */
  all(type: string): AsyncIterable<readonly [id: string, value: unknown]> | undefined;
  /** Where they cannot be listed, ids that are worth a look beside those that credentials and values tell of. */
  knownIds?(type: string): Promise<Iterable<string>>;
}

/** The state of a bot. */
export function readableState({ creds, keys }: AnyAuthState): ReadableState {
  return {
    label: "the source",
    creds: async () => creds,
    get: (type, ids) => getSome(keys, type, ids),
    all: (type) => listAll(keys, type),
  };
}

/** The values of these ids; those that are absent are left out: some states answer null. */
export async function getSome(
  keys: AnySignalKeys,
  type: string,
  ids: readonly string[],
): Promise<Map<string, unknown>> {
  const values = Object.entries(await keys.get(type, [...ids]));
  return new Map(values.filter(([, value]) => value !== null && value !== undefined));
}

/** All ids of a family; `undefined` when the state cannot list them. */
export async function listIds(keys: AnySignalKeys, type: string): Promise<string[] | undefined> {
  const ids: string[] = [];
  if (keys.listIds) for await (const id of keys.listIds(type)) ids.push(id);
  else if (keys.list) for await (const [id] of keys.list(type)) ids.push(id);
  else return undefined;
  return ids;
}

function listAll(keys: AnySignalKeys, type: string): AsyncIterable<readonly [string, unknown]> | undefined {
  // Before `listIds`: it passes by the caches that a `get` may have.
  if (keys.list) return keys.list(type);
  return keys.listIds ? getEach(keys, type, keys.listIds(type)) : undefined;
}

async function* getEach(
  keys: AnySignalKeys,
  type: string,
  ids: AsyncIterable<string>,
): AsyncGenerator<readonly [string, unknown]> {
  for await (const id of ids) yield* await getSome(keys, type, [id]);
}

/** A list in parts of at most `size`. */
export function* batches<T>(list: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
