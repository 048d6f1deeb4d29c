import type { ChildProcess } from "node:child_process";

/** puppeteer's launch options, as far as a strategy reads or sets them. */
export interface PuppeteerOptions {
  userDataDir?: string | undefined;
  args?: string[] | undefined;
  /** `true`: puppeteer adds no argument of its own, not even the one that names the profile. */
  ignoreDefaultArgs?: boolean | string[] | undefined;
  handleSIGINT?: boolean | undefined;
  handleSIGTERM?: boolean | undefined;
  handleSIGHUP?: boolean | undefined;
  browserWSEndpoint?: string | undefined;
  browserURL?: string | undefined;
  [option: string]: unknown;
}

/** puppeteer's `Browser`, as far as a strategy uses it. */
export interface BrowserLike {
  isConnected(): boolean;
  close?(): Promise<void>;
  /** The process that was launched; `null` when the browser was connected to. */
  process?(): ChildProcess | null;
  /** E.g. `HeadlessChrome/156.0.8078.73`. */
  version(): Promise<string>;
  once(event: "disconnected", listener: () => void): unknown;
}

/** whatsapp-web.js's `Client`, as far as its published types tell. */
export interface PublicClient {
  pupBrowser?: BrowserLike | null | undefined;
  pupPage?: object | null | undefined;
  info?: { wid?: { _serialized?: string } | undefined } | null | undefined;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  once(event: string, listener: (...args: unknown[]) => void): unknown;
  emit(event: string, ...args: unknown[]): boolean;
  destroy(): Promise<void>;
}

/** whatsapp-web.js's `Client` as it is at run time. */
export interface ClientLike extends PublicClient {
  options: { puppeteer?: PuppeteerOptions | undefined };
  /** Set when the page logs out, and taken back after the navigation that follows. Not declared by whatsapp-web.js. */
  lastLoggedOut?: boolean;
}
