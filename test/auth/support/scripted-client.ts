import { EventEmitter } from "node:events";
import type { AuthenticationAnswer, BaseAuth } from "../../../lib/auth/base-auth.ts";
import type { PuppeteerOptions } from "../../../lib/browser/client.ts";

/** A browser without a process, which reports that it runs. */
export class ScriptedBrowser extends EventEmitter {
  #connected = true;

  isConnected(): boolean {
    return this.#connected;
  }

  process(): null {
    return null;
  }

  async version(): Promise<string> {
    if (!this.#connected) throw new Error("Protocol error: Connection closed.");
    return "HeadlessChrome/156.0.8078.73";
  }

  async close(): Promise<void> {
    // A close takes some time, and the browser reports that it is connected meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.#connected) return;
    this.#connected = false;
    this.emit("disconnected");
  }
}

/** The state of a page when it is opened. */
export type Page = "linked" | "qr" | "auth timeout" | "navigated";

/** What puppeteer says when a page navigates while whatsapp-web.js prepares it. */
const NAVIGATED = "Execution context was destroyed, most likely because of a navigation.";

/**
 * Calls a strategy's hooks in the order of whatsapp-web.js's `Client.js` (1.34.4 to 1.34.7, which do not differ in it),
 * without a browser: for the orders that a real one cannot be made to produce at will.
 */
export class ScriptedClient extends EventEmitter {
  readonly options: { puppeteer: PuppeteerOptions } = { puppeteer: {} };
  readonly info = { wid: { _serialized: "15550001111@c.us" } };
  pupBrowser: ScriptedBrowser | null = null;
  lastLoggedOut = false;
  /** Names of the events seen. */
  readonly seen: string[] = [];
  readonly errors: unknown[] = [];
  authStrategy: BaseAuth;

  constructor(strategy: BaseAuth) {
    super();
    this.authStrategy = strategy;
    strategy.setup(this as never);
    for (const name of ["saved", "restored", "error", "interrupted", "lost", "deleted"]) {
      this.on(`remote_session_${name}`, (value) => {
        this.seen.push(name);
        if (name === "error") this.errors.push(value);
      });
    }
  }

  /**
   * @param pages the page of the first browser, and those of the browsers that the client starts by itself after it
   * @param launch puppeteer's; it may take its time, or fail
   */
  async initialize(
    pages: Page | readonly Page[],
    launch = async (): Promise<ScriptedBrowser> => new ScriptedBrowser(),
  ): Promise<void> {
    await this.authStrategy.beforeBrowserInitialized();
    this.pupBrowser = await launch();
    await this.authStrategy.afterBrowserInitialized();
    await this.#inject([pages].flat(), launch);
  }

  async #inject([page, ...later]: readonly Page[], launch: () => Promise<ScriptedBrowser>): Promise<void> {
    if (page === undefined) throw new Error("The client started again, and the test has no page for it.");
    if (page === "auth timeout") throw "auth timeout";
    if (page === "navigated") throw new Error(NAVIGATED);
    if (page === "linked") return await this.ready();
    const answer: AuthenticationAnswer = await this.authStrategy.onAuthenticationNeeded();
    if (!answer.failed) return void this.emit("qr");
    this.emit("auth_failure", answer.failureEventPayload);
    await this.destroy();
    // `this`: whatsapp-web.js calls its own method, which a user may have replaced.
    if (answer.restart) await this.initialize(later, launch);
  }

  /** `change:hasSynced`. whatsapp-web.js does not wait for the hook. */
  async ready(): Promise<void> {
    await this.authStrategy.getAuthEventPayload();
    this.emit("ready");
    await this.authStrategy.afterAuthReady();
  }

  async destroy(): Promise<void> {
    if (this.pupBrowser?.isConnected()) await this.pupBrowser.close();
    await this.authStrategy.destroy();
  }

  async logout(): Promise<void> {
    await this.pupBrowser?.close();
    await this.authStrategy.logout();
  }

  /** `change:state`, to one that whatsapp-web.js does not go on in. */
  async state(name: string): Promise<void> {
    this.emit("change_state", name);
    await this.authStrategy.disconnect();
    this.emit("disconnected", name);
    await this.destroy();
  }

  /** The page was logged out and has navigated, with the browser still open. A rejection here is an unhandled one. */
  async loggedOut(): Promise<void> {
    this.lastLoggedOut = true;
    this.emit("disconnected", "LOGOUT");
    await this.authStrategy.logout();
    await this.authStrategy.beforeBrowserInitialized();
    await this.authStrategy.afterBrowserInitialized();
    this.lastLoggedOut = false;
    if (this.pupBrowser?.isConnected()) await this.#inject(["qr"], async () => new ScriptedBrowser());
  }
}
