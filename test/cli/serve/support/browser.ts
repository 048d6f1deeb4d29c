import { createRequire } from "node:module";
import { chromiumFlags, findChromium } from "../../../support/chromium.ts";

/** The part of puppeteer's page that the tests use. */
export interface Page {
  goto(url: string, options?: object): Promise<unknown>;
  evaluate<T = unknown>(code: string): Promise<T>;
  evaluateOnNewDocument(code: string): Promise<unknown>;
  waitForFunction(code: string, options?: object): Promise<unknown>;
  waitForSelector(selector: string, options?: object): Promise<unknown>;
  click(selector: string): Promise<void>;
  type(selector: string, text: string): Promise<void>;
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  setViewport(size: { width: number; height: number; deviceScaleFactor?: number; isMobile?: boolean }): Promise<void>;
  emulateMediaFeatures(features: { name: string; value: string }[]): Promise<void>;
  screenshot(options: object): Promise<Uint8Array>;
  on(event: string, listener: (value: never) => void): void;
  url(): string;
  close(): Promise<void>;
}

export interface Browser {
  createBrowserContext(): Promise<{ newPage(): Promise<Page>; close(): Promise<void> }>;
  close(): Promise<void>;
}

const fromClient = createRequire(createRequire(import.meta.url).resolve("whatsapp-web.js"));

/** Limit of each step in milliseconds: a busy machine needs more than puppeteer's 30 seconds. */
export const SLOW_MS = 180_000;

/** Starts a browser that reaches this machine alone. */
export async function launchBrowser(): Promise<Browser> {
  const puppeteer = fromClient("puppeteer") as { launch(options: object): Promise<Browser> };
  return await puppeteer.launch({
    executablePath: findChromium().executablePath,
    headless: true,
    pipe: true,
    args: [
      ...chromiumFlags({ offline: false }),
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
      "--lang=en-GB",
      "--hide-scrollbars",
    ],
    timeout: SLOW_MS,
    protocolTimeout: SLOW_MS,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

/** What a page has said and asked for, for tests that want neither errors nor requests to anywhere else. */
export interface Heard {
  readonly errors: string[];
  readonly requests: string[];
}

/** Begins to listen to a page. */
export async function hear(page: Page): Promise<Heard> {
  const heard: Heard = { errors: [], requests: [] };
  page.on("console", (message: { type(): string; text(): string }) => {
    if (["error", "warn", "warning"].includes(message.type())) heard.errors.push(message.text());
  });
  page.on("pageerror", (error: Error) => heard.errors.push(error.message));
  page.on("request", (request: { url(): string }) => heard.requests.push(request.url()));
  await page.evaluateOnNewDocument(
    'addEventListener("securitypolicyviolation", (event) => console.error("CSP " + event.violatedDirective + " " + event.blockedURI));',
  );
  return heard;
}
