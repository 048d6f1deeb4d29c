import { observe } from "../diagnostics/observe.ts";
import { assertMessages, loadBaileys } from "./load-baileys.ts";
import { OpenSession } from "./open-sessions.ts";
import { checkOptions, type VaultAuthStateOptions } from "./options.ts";
import { StateUser } from "./state-user.ts";
import type { AuthenticationState, BaileysSocket, MessageKey } from "./types.ts";
import { warnOfAbsence } from "./warn-of-absence.ts";

/** What {@link useVaultAuthState} returns. Its functions can be taken out of it. */
export interface VaultAuthState {
  /** For `makeWASocket({ auth: state })`. */
  readonly state: AuthenticationState;
  /**
   * Stores `state.creds` as they are at the call; to be called at each `creds.update`. Awaited, it rejects: `INVALID` when
   * they are no credentials, or would replace those of a linked device by others that are not linked; `LEASE_LOST` when the
   * session is another user's by now. Not awaited, it makes no unhandled rejection; `onError` is told. After
   * {@link close} it does nothing.
   */
  readonly saveCreds: () => Promise<void>;
  /**
   * Wires a socket, before the bot's own listeners: `creds.update` saves the credentials. When the session is lost the
   * socket ends with the status 440 (`connectionReplaced`), on which a bot must not connect again. When the bot has ended the
   * socket, or it was replaced, the session is given back, as by {@link close}. Ends the socket of a state that was closed.
   * With `messageStore`, what is sent by its `sendMessage` and `relayMessage` is kept for {@link getMessage}.
   */
  readonly bind: (socket: BaileysSocket) => void;
  /**
   * For `makeWASocket({ getMessage })`: a message that a bound socket has sent, also before a restart, so that it can be sent
   * again to who could not decrypt it. `undefined` when it is not kept, or was sent to somebody else. Without the option
   * `messageStore` none are kept. Never rejects.
   */
  // biome-ignore lint/suspicious/noExplicitAny: each release has its own type of a message.
  readonly getMessage: (key: MessageKey) => Promise<any>;
  /**
   * Aborts when the session is another user's: of another process, or of a newer state in this one. Nothing is stored from
   * then on; the socket must end. Its reason is a `VaultError` with the code `LEASE_LOST`.
   */
  readonly lost: AbortSignal;
  /**
   * The logout: deletes the session, which can be brought back for the store's `retainDeletedMs`, and makes `state` that of
   * a device which is not linked: `creds` and `keys` are other ones then. Ends the sockets that are bound; nothing that they
   * still set is stored. Waits for a store that is away; rejects with
   * `LEASE_LOST` when the session is another user's by now.
   */
  readonly clear: () => Promise<void>;
  /** Waits for what is on its way, for `closeTimeoutMs` at most, and gives the session back. Never rejects. */
  readonly close: () => Promise<void>;
}

/**
 * The authentication state of a Baileys bot in a store of wa-vault. It is read from memory. A `set` is stored when it
 * resolves: all of it or nothing, in the order of the calls. It waits while the store is away, and rejects only when the
 * session is lost or closed. One process has a session at a time.
 *
 * Do not put Baileys' `makeCacheableSignalKeyStore` on top: it is slower, and serves values that were never stored.
 *
 * @throws `LEASE_HELD` when another process has the session, and still has after `leaseWaitMs`; `UNAVAILABLE` when the store
 *   does not answer; `CORRUPT` when a part of what is stored is missing or damaged; `WRONG_KEY` when its key was not given;
 *   `INVALID` when an option is wrong, the session is the profile of a browser, or Baileys is not installed. A session that
 *   is absent, and nothing else, gives new credentials.
 */
export async function useVaultAuthState(options: VaultAuthStateOptions): Promise<VaultAuthState> {
  const checked = checkOptions(options);
  const { store: vault, session, leaseWaitMs: waitMs, onError, signal } = checked;
  const baileys = await loadBaileys(checked.baileys);
  if (checked.messageLimits) assertMessages(baileys);
  const open = (): Promise<StateUser> =>
    OpenSession.open({ vault, session, waitMs, onError, signal }, (opened) => new StateUser(opened, baileys, checked));
  const user = await observe("records", { session, store: vault.kind, signal }, open);
  user.dropMessages();
  if (user.isNew) await warnOfAbsence(checked);
  return {
    state: user.state,
    saveCreds: () => user.saveCreds(),
    bind: (socket) => user.bind(socket),
    getMessage: async (key) => user.getMessage(key),
    lost: user.lost,
    clear: () => user.clear(),
    close: () => user.close(),
  };
}
