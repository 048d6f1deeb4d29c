import type { Vault } from "../vault/vault.ts";
import { decodeCreds, isRegistered } from "./credentials.ts";
import { checkStore } from "./options.ts";
import { CREDS_KEY } from "./record-key.ts";
import { sessionNameOf } from "./session-name.ts";

/** What {@link peekAuthState} tells of a session. */
export interface PeekedAuthState {
  /** Whether a phone has linked it. */
  registered: boolean;
  /** The linked account, as Baileys keeps it: `{ id, lid?, name? }`. Absent before it is linked. */
  me?: { id: string; lid?: string; name?: string };
  /** `"profile"` when the session is that of a browser. */
  kind: "records" | "profile";
  /** How many records there are: credentials, Signal keys, messages. Absent of a browser. */
  records?: number;
  /** The process that has the session, `<host>:<pid>`; absent when none has. */
  holder?: string;
}

/**
 * Looks at a session without taking it; another process may have it.
 * @returns `undefined` when there is none: nothing was ever stored, or it was deleted
 * @throws `UNAVAILABLE` when the store does not answer; `CORRUPT` when a part of what is stored is missing or damaged;
 *   `WRONG_KEY` when its key was not given; `INVALID` when an option is wrong
 */
export async function peekAuthState(options: {
  store: Vault;
  /** As in `useVaultAuthState`. */
  session: string | number | bigint;
  signal?: AbortSignal;
}): Promise<PeekedAuthState | undefined> {
  const { store, signal } = Object(options) as typeof options;
  checkStore(store);
  const call = { session: sessionNameOf(options.session), ...(signal ? { signal } : {}) };
  const state = await store.state(call);
  if (!state?.kind || state.deleted) return undefined;
  const holder = state.lease ? { holder: state.lease.owner } : {};
  if (state.kind === "profile") return { registered: false, kind: state.kind, ...holder };
  const records = await store.peekRecords(call);
  const bytes = records?.get(CREDS_KEY);
  const creds = bytes && decodeCreds(bytes, call.session);
  const registered = isRegistered(creds);
  return {
    registered,
    ...(registered && creds ? { me: creds.me } : {}),
    kind: state.kind,
    records: records?.size ?? 0,
    ...holder,
  };
}
