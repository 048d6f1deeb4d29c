// `lib/auth` holds the strategies that whatsapp-web.js calls: `LocalAuth`, `RemoteAuth`, `NoAuth` and their base. It
// imports `lib/browser`, `lib/profile`, `lib/archive`, `lib/disk`, `lib/async`, the types of stores and the errors,
// never `lib/vault` or `lib/blobs`. `lib/index.ts` alone may import it.
import type { ClientLike, PublicClient } from "../browser/client.ts";

/** The answer of a strategy when the page asks for a link; `failed` emits `auth_failure`, `restart` starts over. */
export interface AuthenticationAnswer {
  /** The client emits `auth_failure`, and is destroyed. */
  failed?: boolean;
  /** With `failed`, the client then starts over. */
  restart?: boolean;
  /** The argument of `auth_failure`. */
  failureEventPayload?: unknown;
}

/**
 * whatsapp-web.js's hooks, none of which does anything. Strategies extend this class in place of the package's own
 * `BaseAuthStrategy`, so that the package need not be loaded. The class fits the package's type `AuthStrategy`.
 */
export abstract class BaseAuth {
  #client: ClientLike | undefined;

  /** The client of this strategy. @throws TypeError before `setup`, which the client's constructor calls */
  get client(): ClientLike {
    if (this.#client === undefined) throw new TypeError("The strategy belongs to no client yet.");
    return this.#client;
  }

  /** Called once, by the client's constructor. */
  setup(client: PublicClient): void {
    this.#client = client as ClientLike;
  }

  /** Called before each launch, and again after a logout in the page with the browser still open. */
  async beforeBrowserInitialized(): Promise<void> {}

  /** Called when `client.pupBrowser` is set and no page of WhatsApp is open yet. */
  async afterBrowserInitialized(): Promise<void> {}

  /** Called when the page asks for a link. */
  async onAuthenticationNeeded(): Promise<AuthenticationAnswer> {
    return { failed: false, restart: false, failureEventPayload: undefined };
  }

  /** The payload of the `authenticated` event. */
  async getAuthEventPayload(): Promise<unknown> {
    return undefined;
  }

  /** Called at every READY, not awaited: must not reject. */
  async afterAuthReady(): Promise<void> {}

  /** Called when the connection has ended for good, for any reason: must not reject. */
  async disconnect(): Promise<void> {}

  /** Called by `client.destroy()`, mostly after the browser was closed: must not reject. */
  async destroy(): Promise<void> {}

  /** Called when the device was unlinked, with the browser closed or still open, once or twice. */
  async logout(): Promise<void> {}
}
