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

/** One name in a text, with what a person must know of it. */
const TOLD = /[-\w]+(?: \([^)]*\))?/g;
/** The end of a text that does not name all. */
const REST = / and (?:\d+ )?more$/;

/** The part of a store that lists sessions; a store without `sessions` tells nothing. */
export type ListingStore = Pick<ProfileStore, "state" | "sessions">;

export interface OtherSessionsOptions {
  readonly signal?: AbortSignal | undefined;
  /** @default 3000 */
  readonly limitMs?: number;
}

/**
 * The names that a store has beside `session`, nearest first, as text: `RemoteAuth-a, RemoteAuth-b (deleted) and 7 more`.
 * Of names that a person cannot mean, nothing is stored or left.
 * @returns `undefined` when there are none, or the store does not list them: it refuses, fails, or takes too long. Never
 *   rejects.
 */
export async function otherSessions(
  store: ListingStore,
  session: string,
  { signal, limitMs = LIMIT_MS }: OtherSessionsOptions = {},
): Promise<string | undefined> {
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
    const there = told.filter((text) => text !== undefined);
    if (there.length === 0) return undefined;
    const rest = nearest.count - (told.length - there.length) - Math.min(there.length, MOST_NAMES);
    return namesText(there.slice(0, MOST_NAMES), isWhole ? rest : undefined);
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

/** @param rest how many there are beside the names; `undefined` when nobody knows */
export function namesText(names: readonly string[], rest: number | undefined): string {
  const more = rest === undefined ? " and more" : rest > 0 ? ` and ${rest} more` : "";
  return `${names.join(", ")}${more}`;
}

/**
 * Of a text of {@link namesText}, the names that are near to `name`.
 * @returns `undefined` when there are none
 */
export function nearNames(name: string, text: string): string | undefined {
  const told = text.replace(REST, "").match(TOLD) ?? [];
  const near = told.filter((one) => isNear(name, one.replace(/ .*/, "")));
  return near.length === 0 ? undefined : namesText(near, 0);
}

/** The name, with what a person must know of it; `undefined` when nothing is stored under it. */
async function toldOf(
  store: ListingStore,
  session: string,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  let state: SessionState | undefined;
  try {
    state = await withSignal(store.state({ session: name, signal }), signal);
  } catch {
    // It is there, and something is wrong with it or with the store: whoever opens it is told.
    return name;
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
  return marks.length === 0 ? name : `${name} (${marks.join(", ")})`;
}
