import { describe, expect, it } from "vitest";
import type { ClientLike } from "../../lib/browser/client.ts";
import { hasLoggedOut } from "../../lib/browser/logged-out.ts";

const address = "https://web.whatsapp.com/";
const navigated = new Error("Execution context was destroyed, most likely because of a navigation.");

/** A client whose page has these addresses, one at each look; the last one stays. */
function client(...urls: string[]): ClientLike {
  return { pupPage: { url: () => (urls.length > 1 ? urls.shift() : urls[0]) ?? "" } } as ClientLike;
}

describe("hasLoggedOut", () => {
  it("knows a page that has logged itself out by its address, or by what whatsapp-web.js was told", async () => {
    expect(await hasLoggedOut(client(`${address}?post_logout=1`), navigated)).toBe(true);
    expect(await hasLoggedOut({ ...client(address), lastLoggedOut: true }, navigated)).toBe(true);
  });

  it("says no after any error but that of a navigation", async () => {
    expect(await hasLoggedOut(client(`${address}?post_logout=1`), "auth timeout")).toBe(false);
    expect(await hasLoggedOut({ ...client(address), lastLoggedOut: true }, new Error("no"))).toBe(false);
  });

  it("waits for the address after a navigation", async () => {
    const urls = [address, address, `${address}?post_logout=1&logout_reason=0`];
    expect(await hasLoggedOut(client(...urls), navigated)).toBe(true);
  });

  it("is not misled by a page that has only navigated, or by a client without a page", async () => {
    expect(await hasLoggedOut(client(address), navigated)).toBe(false);
    expect(await hasLoggedOut({ pupPage: null } as ClientLike, navigated)).toBe(false);
  });
});
