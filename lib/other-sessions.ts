import { setMaxListeners } from "node:events";
import { withSignal } from "./async/deadline.ts";
import { isNear, NearestNames } from "./nearest-names.ts";
import type { ProfileStore, SessionState } from "./store.ts";

/** How many names are told at most. */
const MOST_NAMES = 5;
/** How many are looked at: of some nothing is stored, e.g. of bots that were started once under a wrong name. */
const MOST_LOOKED_AT = 8;
/** How long a store is asked, in milliseconds: it is told for a person only, and a start waits for it. */
const LIMIT_MS = 3_000;
/** No other text reaches a message. */
const NAME = /^[-\w]{1,128}$/;

/** The part of a store that lists sessions; a store without `sessions` tells nothing. */
export type ListingStore = Pick<ProfileStore, "state" | "sessions">;

export interface OtherSessionsOptions {
  readonly signal?: AbortSignal | undefined;
  /** @default 3000 */
  readonly limitMs?: number;
}

/** A name that a person is told of. */
export interface OtherName {
  readonly name: string;
  /** What a person must know of it, as `deleted`. @default nothing */
  readonly marks?: readonly string[];
}

/** The names of other sessions, or of other profiles, nearest first. As text: `a, b (deleted) and 7 more`. */
export class OtherNames {
  readonly #names: readonly OtherName[];
  readonly #rest: number | undefined;

  /** @param rest how many there are beside the names; `undefined` when nobody knows */
  constructor(names: readonly OtherName[], rest: number | undefined) {
    this.#names = names;
    this.#rest = rest;
  }

  /** Those that are near to `name`; `undefined` when there are none. */
  nearTo(name: string): OtherNames | undefined {
    const near = this.#names.filter((one) => isNear(name, one.name));
    return near.length === 0 ? undefined : new OtherNames(near, 0);
  }

  toString(): string {
    const names = this.#names.map(({ name, marks = [] }) =>
      marks.length === 0 ? name : `${name} (${marks.join(", ")})`,
    );
    const more = this.#rest === undefined ? " and more" : this.#rest > 0 ? ` and ${this.#rest} more` : "";
    return names.join(", ") + more;
  }
}

/**
 * The names that a store has beside `session`, a few at most. Of names that a person cannot mean, nothing is stored or left.
 * @returns `undefined` when there are none, or the store does not list them: it refuses, fails, or takes too long. Never
 *   rejects.
 */
export async function otherSessions(
  store: ListingStore,
  session: string,
  { signal, limitMs = LIMIT_MS }: OtherSessionsOptions = {},
): Promise<OtherNames | undefined> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), limitMs);
  const limited = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
  setMaxListeners(0, limited);
  const nearest = new NearestNames(session, MOST_LOOKED_AT);
  const list = async (): Promise<boolean> => {
    for await (const name of store.sessions?.({ signal: limited }) ?? []) if (NAME.test(name)) nearest.add(name);
    return true;
  };
  try {
    const isWhole = await withSignal(list(), limited).catch(() => false);
    if (!isWhole && !late.signal.aborted) return undefined;
    const told = await Promise.all(nearest.names.map((name) => toldOf(store, session, name, limited)));
    const there = told.filter((one) => one !== undefined);
    if (there.length === 0) return undefined;
    const rest = nearest.count - (told.length - there.length) - Math.min(there.length, MOST_NAMES);
    return new OtherNames(there.slice(0, MOST_NAMES), isWhole ? rest : undefined);
  } finally {
    clearTimeout(timer);
  }
}

/** The warning of a start that finds its session deleted. */
export function deletedWarning(session: string, { at, until }: { at: Date; until?: Date | undefined }): string {
  const since = `${session} was deleted at ${at.toISOString()}: this bot links a new device.`;
  // Deleted for good. Else this clock says nothing: the data stay at least until then, and the store knows how long.
  if (until && until.getTime() <= at.getTime()) return since;
  if (until && until.getTime() <= Date.now()) return `${since} \`undelete\` of the store may still bring it back.`;
  return `${since} \`undelete\` of the store brings it back${until ? ` until ${until.toISOString()}` : ""}.`;
}

/** The name, with what a person must know of it; `undefined` when nothing is stored under it. */
async function toldOf(
  store: ListingStore,
  session: string,
  name: string,
  signal: AbortSignal,
): Promise<OtherName | undefined> {
  let state: SessionState | undefined;
  try {
    state = await withSignal(store.state({ session: name, signal }), signal);
  } catch {
    // It is there, and something is wrong with it or with the store: whoever opens it is told.
    return { name };
  }
  const { current, deleted, kind } = state ?? {};
  // Of a session that is gone for good there is no kind. Until when it can be undeleted, the clock of this host cannot tell.
  const isLeft = deleted !== undefined && kind !== undefined;
  if (!current && !isLeft) return undefined;
  const isOfBaileys = session.startsWith("Baileys-");
  const marks = [
    ...(kind === "records" && !isOfBaileys
      ? ["of Baileys"]
      : kind === "profile" && isOfBaileys
        ? ["of a browser"]
        : []),
    ...(current ? [] : ["deleted"]),
  ];
  return { name, marks };
}
