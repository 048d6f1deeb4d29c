import type { Client } from "whatsapp-web.js";
import type { Verdict } from "./stand-in/stand-in.ts";

/** Where a record of the page's history ended up. */
export interface Written {
  sequence: number;
  hash: string;
}

/** The actions of the phone, the server and the writing user on the page of a client. */
export interface Phone {
  /** The state that the page found when it was loaded. */
  verdict(): Promise<Verdict>;
  /** Scans the QR, or types the code. */
  pair(options?: { wid?: string }): Promise<{ wid: string }>;
  /** One small record; resolves once it is committed in the page. */
  write(body?: string): Promise<Written>;
  /** The hash of a record, undefined when it is not there. */
  record(sequence: number): Promise<string | undefined>;
  /** Adds about so many bytes of text and binary. */
  fill(bytes: number, options?: { blobShare?: number }): Promise<void>;
  /** Begins to write as fast as it can. */
  startWriter(options?: { bodyBytes?: number; batch?: number; pauseMs?: number }): Promise<void>;
  stopWriter(): Promise<Written & { written: number }>;
  /** A message arrives: the client emits `message`. */
  receive(body: string): Promise<{ sequence: number }>;
  /** The socket's state: CONFLICT, UNPAIRED, TIMEOUT … */
  setState(state: string): Promise<void>;
  /** A second READY. */
  resync(): Promise<void>;
  refreshQr(): Promise<void>;
  /**
   * The phone removes the device (`unlink`: the page navigates), the server does (`state`: UNPAIRED), or the page loses
   * its storage (`storage`: it is loaded again as a new one).
   */
  unlink(options?: { how?: "unlink" | "state" | "storage" }): Promise<void>;
}

const actions: readonly (keyof Phone)[] = [
  "verdict",
  "pair",
  "write",
  "record",
  "fill",
  "startWriter",
  "stopWriter",
  "receive",
  "setState",
  "resync",
  "refreshQr",
  "unlink",
];

const endsTheBrowser: readonly string[] = ["setState", "unlink"];

/** A phone whose every action is `send(name, values)`. */
export function phoneBy(send: (action: string, values: unknown[]) => Promise<unknown>): Phone {
  const phone: Record<string, (...values: unknown[]) => Promise<unknown>> = {};
  for (const action of actions) phone[action] = (...values) => send(action, values);
  return phone as unknown as Phone;
}

/** The phone of a client in this process. */
export function phoneOf(client: Client): Phone {
  return phoneBy(async (action, values) => {
    const page = client.pupPage;
    if (!page) throw new Error(`${action}: the client has no page`);
    const call = `window.standIn[${JSON.stringify(action)}](${values.map((value) => JSON.stringify(value)).join(",")})`;
    try {
      return await page.evaluate(call);
    } catch (error) {
      // On these the client closes the browser, which may be faster than the page's answer.
      if (endsTheBrowser.includes(action) && isPageGone(error)) return undefined;
      throw error;
    }
  });
}

/** Whether a call to a page failed because it was closed, or loaded another document, meanwhile. */
export function isPageGone(error: unknown): boolean {
  return /closed|detached|disconnected|context was destroyed|cannot find context/i.test(String(error));
}
