import { setTimeout as delay } from "node:timers/promises";
import type { ClientLike } from "./client.ts";

/** How long the address of a page may come after the error of a script that a navigation has ended, in milliseconds. */
const LAG_MS = 1_000;
const POLL_MS = 50;
/** The errors of puppeteer for a script whose page has navigated. */
const NAVIGATED = /context|detached|navigat/i;

/**
 * Whether the page has logged itself out, by whatsapp-web.js's own rule, which has ended a script of it.
 * @param error the error of that script; its address is awaited for 1 s
 */
export async function hasLoggedOut(client: ClientLike, error: unknown): Promise<boolean> {
  if (!(error instanceof Error && NAVIGATED.test(error.message))) return false;
  const until = performance.now() + LAG_MS;
  for (;;) {
    if (client.lastLoggedOut || client.pupPage?.url?.().includes("post_logout=1")) return true;
    if (performance.now() >= until) return false;
    await delay(POLL_MS);
  }
}
