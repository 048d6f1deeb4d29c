import type { ClientLike, PublicClient } from "../browser/client.ts";

export type { BrowserLike, ClientLike, PublicClient, PuppeteerOptions } from "../browser/client.ts";

/** What a strategy answers when the page asks for a link; `failed` emits `auth_failure`, `restart` starts over. */
export interface AuthenticationAnswer {
  failed?: boolean;
  restart?: boolean;
  failureEventPayload?: unknown;
}

/**
 * whatsapp-web.js's hooks, none of which does anything: what a strategy extends, in place of the package's own
 * `BaseAuthStrategy`, so that the package need not be loaded. Fits its type `AuthStrategy`.
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

  /** Called when `client.pupBrowser` is there and no page of WhatsApp is open yet. */
  async afterBrowserInitialized(): Promise<void> {}

  /** Called when the page asks for a link. */
  async onAuthenticationNeeded(): Promise<AuthenticationAnswer> {
    return { failed: false, restart: false, failureEventPayload: undefined };
  }

  /** What the `authenticated` event carries. */
  async getAuthEventPayload(): Promise<unknown> {
    return undefined;
  }

  /** Called at every READY, not awaited: must not reject. */
  async afterAuthReady(): Promise<void> {}

  /** Called when the connection is gone for good, whyever: must not reject. */
  async disconnect(): Promise<void> {}

  /** Called by `client.destroy()`, mostly after the browser was closed: must not reject. */
  async destroy(): Promise<void> {}

  /** Called when the device was unlinked, with the browser closed or still open, once or twice. */
  async logout(): Promise<void> {}
}
