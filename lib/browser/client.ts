import type { ChildProcess } from "node:child_process";

/** The launch options of puppeteer that a strategy reads or sets. */
export interface PuppeteerOptions {
  userDataDir?: string | undefined;
  args?: string[] | undefined;
  /** `true`: puppeteer adds no argument of its own, not even `--user-data-dir`. */
  ignoreDefaultArgs?: boolean | string[] | undefined;
  handleSIGINT?: boolean | undefined;
  handleSIGTERM?: boolean | undefined;
  handleSIGHUP?: boolean | undefined;
  browserWSEndpoint?: string | undefined;
  browserURL?: string | undefined;
  [option: string]: unknown;
}

/** The part of puppeteer's `Browser` that a strategy uses. */
export interface BrowserLike {
  isConnected(): boolean;
  close?(): Promise<void>;
  /** The launched process; `null` when puppeteer was connected to a running browser. */
  process?(): ChildProcess | null;
  /** E.g. `HeadlessChrome/156.0.8078.73`. */
  version(): Promise<string>;
  once(event: "disconnected", listener: () => void): unknown;
}

/** The part of whatsapp-web.js's `Client` that its published types declare. */
export interface PublicClient {
  pupBrowser?: BrowserLike | null | undefined;
  pupPage?: object | null | undefined;
  info?: { wid?: { _serialized?: string } | undefined } | null | undefined;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  once(event: string, listener: (...args: unknown[]) => void): unknown;
  emit(event: string, ...args: unknown[]): boolean;
  destroy(): Promise<void>;
  initialize?(): Promise<void>;
}

/** whatsapp-web.js's `Client` at run time, with fields that its published types do not declare. */
export interface ClientLike extends PublicClient {
  options: { puppeteer?: PuppeteerOptions | undefined };
  pupPage?: { url?(): string; close?(): Promise<void> } | null | undefined;
  /** Set when the page logs out, and cleared after the navigation that follows. */
  lastLoggedOut?: boolean;
  /** Prepares a page that was loaded; called by `initialize()`, and not awaited at every later navigation. */
  inject?(): Promise<void>;
}
