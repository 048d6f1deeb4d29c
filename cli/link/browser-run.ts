import { setTimeout as delay } from "node:timers/promises";
import type { PublicClient } from "../../lib/browser/client.ts";
import { isVaultError, safeMessage, VaultError } from "../../lib/errors.ts";
import { RemoteAuth } from "../../lib/index.ts";
import type { LinkRequest } from "./link-request.ts";
import type { LinkStore } from "./link-store.ts";

/** The part of a client of whatsapp-web.js that is used. */
export interface Client extends PublicClient {
  initialize(): Promise<void>;
  pupPage?: { evaluate(script: string): Promise<unknown> } | null;
}

export type ClientClass = new (options: object) => Client;

/** How a browser is started. */
export interface BrowserRunOptions extends Pick<LinkRequest, "headless" | "phone" | "deviceName" | "timeoutMs"> {
  readonly Client: ClientClass;
  readonly executablePath: string;
  readonly store: LinkStore;
  /** That of `RemoteAuth`. */
  readonly clientId: string | undefined;
  readonly dataPath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onWarning: (message: string) => void;
}

/** How long WhatsApp Web may take until it shows something, in milliseconds. */
const LOAD_MS = 120_000;
/** How often the page is looked at while it waits for a phone, in milliseconds. */
const LOOK_MS = 2_000;
/** How long a start that was given up may take to end, in milliseconds. */
const GIVE_UP_MS = 10_000;
/** How long after the end of a browser something may still fail for it, in milliseconds. */
const LATE_MS = 5_000;
const PAGE_GONE = /closed|detached|disconnected|context was destroyed|cannot find context|timeout/i;
/** `backupSyncIntervalMs`: a link is stored once, and at its end. */
const HOUR_MS = 3_600_000;

/** In the page, where no window is: notes that it asks for a passkey, which nobody could give. */
const WATCH_PASSKEY = `
  for (const name of ["get", "create"]) {
    const own = navigator.credentials?.[name];
    if (own) navigator.credentials[name] = function (options) {
      if (options?.publicKey) window.waVaultPasskey = true;
      return own.apply(this, arguments);
    };
  }`;

/** One browser with WhatsApp Web, from its start to its end. */
export class BrowserRun {
  readonly client: Client;
  /** Resolves when the page is ready. */
  readonly ready: Promise<void>;
  /** Resolves when the session was stored for the first time. */
  readonly saved: Promise<void>;
  /** Resolves when the browser was closed by somebody else. */
  readonly interrupted: Promise<void>;
  /** Rejects when the page will never be ready: the start has failed, the device was removed, the session is lost. */
  readonly failed: Promise<never>;
  /** The newest error of a save. */
  lastError: unknown;
  /** How often the session was stored, unchanged or not. */
  #saves = 0;
  /** The same when the browser was about to end, or had ended. */
  #savesBeforeEnd: number | undefined;
  readonly #strategy: RemoteAuth;
  readonly #headless: boolean;
  readonly #ended = new AbortController();
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #fail: (error: unknown) => void = () => {};

  constructor(options: BrowserRunOptions) {
    const { Client, store, clientId, dataPath, timeoutMs, headless, onWarning } = options;
    this.#headless = headless;
    this.#strategy = new RemoteAuth({
      store,
      clientId,
      dataPath,
      backupSyncIntervalMs: HOUR_MS,
      finalSaveTimeoutMs: timeoutMs,
      leaseWaitMs: 0,
      rollbackOnAuthFailure: 0,
      closeOnSignals: false,
      onWarning,
    });
    this.client = new Client(clientOptions(options, this.#strategy));
    this.ready = new Promise((resolve) => this.client.once("ready", () => resolve()));
    this.saved = new Promise((resolve) => this.client.once("remote_session_saved", () => resolve()));
    this.interrupted = new Promise((resolve) => {
      this.client.once("remote_session_interrupted", () => {
        this.#savesBeforeEnd ??= this.#saves;
        resolve();
      });
    });
    this.failed = new Promise((_, reject) => {
      this.client.once("disconnected", (reason) => reject(deviceRemoved(reason)));
      this.client.once("remote_session_lost", reject);
      this.#fail = reject;
    });
    // Each step that waits for it says so itself.
    this.failed.catch(() => {});
    this.client.on("remote_session_saved", () => {
      this.#saves += 1;
    });
    this.client.on("remote_session_error", (error) => {
      this.lastError = error;
    });
  }

  /** Folder of the profile. */
  get profile(): string {
    return this.#strategy.userDataDir;
  }

  /** Whether the session was stored as the browser has left it. */
  get isStored(): boolean {
    return this.#savesBeforeEnd !== undefined && this.#saves > this.#savesBeforeEnd;
  }

  start(): void {
    process.on("unhandledRejection", this.#onUnhandled);
    this.#starting = this.client.initialize().catch((error: unknown) => this.#fail(startFailed(error)));
    if (this.#headless) void this.#look();
  }

  /** Keeps the page showing new codes, and finds out whether it asks for a passkey: as long as there is no window. */
  async #look(): Promise<void> {
    const signal = this.#ended.signal;
    while (!signal.aborted) {
      await delay(LOOK_MS, undefined, { signal, ref: false }).catch(() => {});
      const { pupPage: page } = this.client;
      // The page may be loading, or be gone.
      const asks = await page?.evaluate(LOOK).catch(() => false);
      if (asks === true) return this.#fail(passkeyWanted());
    }
  }

  /** whatsapp-web.js prepares a page that was loaded anew, and awaits that nowhere: the browser may end meanwhile. */
  readonly #onUnhandled = (error: unknown): void => {
    if (!PAGE_GONE.test(String(error))) throw error;
    // It would never be ready.
    if (!this.#ended.signal.aborted) this.#fail(startFailed(error));
  };

  /** Ends the browser; a session that is ready is stored a last time. Never rejects. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#ended.abort();
    this.#savesBeforeEnd ??= this.#saves;
    // Before there is a browser, some releases throw.
    await this.client.destroy().catch(() => this.#strategy.destroy());
    await Promise.race([this.#starting, delay(GIVE_UP_MS, undefined, { ref: false })]);
    const browser = this.client.pupBrowser;
    if (browser?.isConnected()) await browser.close?.().catch(() => {});
    // What was under way in the page has failed by then.
    setTimeout(() => process.off("unhandledRejection", this.#onUnhandled), LATE_MS).unref();
  }
}

/** WhatsApp Web stops to show codes after a while; whatsapp-web.js means to ask for new ones, and does not (1.34.7). */
const LOOK = `(() => {
  try {
    if (window.require("WAWebSocketModel").Socket.state === "UNPAIRED_IDLE") window.require("WAWebCmd").Cmd.refreshQR();
  } catch {}
  return window.waVaultPasskey === true;
})()`;

function clientOptions(options: BrowserRunOptions, authStrategy: RemoteAuth): object {
  const { headless, phone, deviceName, executablePath, env } = options;
  const args = ["--no-first-run", "--no-default-browser-check"];
  // Chromium does not start as root otherwise, and crashes on the small /dev/shm of containers, which mostly run as root.
  if (process.platform === "linux" && process.getuid?.() === 0) args.push("--no-sandbox", "--disable-dev-shm-usage");
  if (!env.DISPLAY && env.WAYLAND_DISPLAY) args.push("--ozone-platform-hint=auto");
  return {
    authStrategy,
    authTimeoutMs: LOAD_MS,
    ...(deviceName === undefined ? {} : { deviceName }),
    ...(phone === undefined ? {} : { pairWithPhoneNumber: { phoneNumber: phone, showNotification: true } }),
    ...(headless ? { evalOnNewDoc: WATCH_PASSKEY } : {}),
    puppeteer: {
      headless,
      executablePath,
      args,
      // The page as large as the window.
      ...(headless ? {} : { defaultViewport: null }),
      // The command ends its browsers itself.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    },
  };
}

function startFailed(error: unknown): unknown {
  if (isVaultError(error)) return error;
  const text = safeMessage(error).split("\n")[0] ?? "";
  if (/Failed to launch|spawn|executablePath|Code: \d/i.test(text)) {
    return new VaultError("UNAVAILABLE", `The browser did not start: ${text}`, {
      cause: error,
      hint: "Try another one with `--browser <path>`.",
    });
  }
  if (/closed|disconnected|detached/i.test(text)) return browserClosed();
  return new VaultError("UNAVAILABLE", `WhatsApp Web did not open: ${text}`, {
    cause: error,
    hint: "Is this computer online? An up-to-date whatsapp-web.js may help.",
  });
}

/** The person has closed the browser before there was a link. */
export function browserClosed(): VaultError {
  return new VaultError("CANCELLED", "The browser was closed before a phone had linked it.", {
    hint: "Nothing was stored. Run the command again.",
  });
}

function deviceRemoved(reason: unknown): VaultError {
  return new VaultError("DENIED", `WhatsApp has ended the link: ${String(reason)}.`, {
    hint: "Was the device removed on the phone? Run the command again to link anew.",
  });
}

function passkeyWanted(): VaultError {
  return new VaultError("DENIED", "WhatsApp asks for a passkey, which needs a window.", {
    hint: "Run the command without `--headless` and `--pairing-code` on a computer with a screen; the session can run anywhere afterwards.",
  });
}
