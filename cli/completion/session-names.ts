import { hasSecret, parseAddress } from "../../address/parse-address.ts";
import { storeFromUrl } from "../../address/store-from-url.ts";
import { withSignal } from "../../lib/async/deadline.ts";
import type { Candidate } from "./candidates.ts";

/** How long a person waits for names at most, in milliseconds. */
const LIMIT_MS = 2_000;
/** So many names are read. */
const MOST_NAMES = 1_000;
const BEGINNINGS = /^(?:RemoteAuth|Baileys)-/;

/**
 * Names of sessions that begin so: as they are stored, and as the bot's code has them where that is only one.
 * @param store its address. @default that of the environment
 * @returns none when no store is named, or it does not answer in time
 */
export async function sessionNames(
  begun: string,
  store: string | undefined,
  { env, signal }: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<Candidate[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  try {
    if (store !== undefined && hasSecret(parseAddress(store))) return [];
    const opened = await withSignal(storeFromUrl(store, { env, onWarning: () => {} }), limit);
    const names: string[] = [];
    try {
      for await (const name of opened.sessions({ signal: limit })) if (names.push(name) === MOST_NAMES) break;
    } finally {
      opened.close().catch(() => {});
    }
    return namesFor(begun, names.sort());
  } catch {
    // A line that is being written is no place for errors: the command tells them.
    return [];
  }
}

function namesFor(begun: string, names: readonly string[]): Candidate[] {
  const stored = names.filter((name) => name.startsWith(begun));
  const bare = names.map((name) => name.replace(BEGINNINGS, ""));
  // Not beside the whole names where nothing is written yet: each session once is enough.
  const short = begun === "" ? [] : bare.filter((name, at) => name.startsWith(begun) && bare.indexOf(name) === at);
  const only = short.filter((name) => bare.filter((other) => other === name).length === 1 && !stored.includes(name));
  return [...stored, ...only].map((word) => ({ word, about: "" }));
}
