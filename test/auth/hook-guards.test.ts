import { createHook } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { HookGuards } from "../../lib/auth/hook-guards.ts";
import type { BrowserLike, ClientLike } from "../../lib/browser/client.ts";
import { gate } from "../support/gate.ts";
import { ScriptedBrowser } from "./support/scripted-client.ts";

const first = { isFirst: true, previous: undefined };
const later = { ...first, isFirst: false };
const destroyed = {
  code: "CANCELLED",
  message: "Session RemoteAuth was not opened: the client was destroyed meanwhile.",
};

let client: { pupBrowser: BrowserLike | null };
let guards: HookGuards;
let begun: number;
const begin = async (): Promise<void> => {
  begun++;
};
beforeEach(() => {
  client = { pupBrowser: null };
  guards = new HookGuards(
    () => client as ClientLike,
    () => "Session RemoteAuth",
  );
  begun = 0;
});

/** Starts a browser in the client, as whatsapp-web.js does between the two hooks. */
async function launch(): Promise<ScriptedBrowser> {
  const browser = new ScriptedBrowser();
  client.pupBrowser = browser;
  expect(await guards.started(true)).toBe(browser);
  return browser;
}

describe("start", () => {
  it("begins without a browser, and again once the browser has closed", async () => {
    await guards.start(first, begin);
    expect(begun).toBe(1);
    const browser = await launch();
    await browser.close();
    await guards.start(later, begin);
    expect(begun).toBe(2);
  });

  it("does not begin while a browser runs", async () => {
    await launch();
    await guards.start(later, begin);
    expect(begun).toBe(0);
  });

  it("does not begin after a logout in the page, and begins at the next start", async () => {
    const browser = await launch();
    expect(guards.loggedOut()).toBe(true);
    // Closed meanwhile: the hook is still the one that continues in the page.
    await browser.close();
    await guards.start(later, begin);
    expect(begun).toBe(0);
    await guards.start(later, begin);
    expect(begun).toBe(1);
  });

  it("does not begin as often as the page has logged out", async () => {
    const browser = await launch();
    guards.loggedOut();
    guards.loggedOut();
    await browser.close();
    for (let call = 0; call < 3; call++) await guards.start(later, begin);
    expect(begun).toBe(1);
  });

  it("begins after a logout with the browser closed", async () => {
    const browser = await launch();
    await browser.close();
    expect(guards.loggedOut()).toBe(false);
    await guards.start(later, begin);
    expect(begun).toBe(1);
  });

  it("waits for the browser before, then for its turn", async () => {
    const closed = gate();
    const free = gate();
    const start = guards.start({ ...later, previous: closed.opened }, begin, async (step) => {
      await free.opened;
      await step();
    });
    await turn();
    closed.open();
    await turn();
    expect(begun).toBe(0);
    free.open();
    await start;
    expect(begun).toBe(1);
  });

  it("leaves no timer behind, whether it waited for the browser before or not", async () => {
    const made: number[] = [];
    const ended = new Set<number>();
    const hook = createHook({
      init: (id, type) => void (type === "Timeout" && made.push(id)),
      destroy: (id) => void ended.add(id),
    }).enable();
    try {
      await guards.start(first, begin);
      expect(made).toEqual([]);
      await guards.start({ ...later, previous: Promise.resolve() }, begin);
      const [timer = 0, ...others] = made;
      expect([timer > 0, others]).toEqual([true, []]);
      // The hook is told of an ended timer some turns later.
      for (let turns = 0; turns < 10 && !ended.has(timer); turns++) await turn();
      expect(ended).toContain(timer);
    } finally {
      hook.disable();
    }
    expect(begun).toBe(2);
  });

  /** A start during which the client is destroyed. */
  async function expectCancelled(): Promise<void> {
    const free = gate();
    const start = guards.start(first, begin, async (step) => {
      await free.opened;
      await step();
    });
    guards.destroyed();
    free.open();
    await expect(start).rejects.toMatchObject(destroyed);
    expect(begun).toBe(0);
  }

  it("throws CANCELLED when the client is destroyed before its first browser", async () => {
    await expectCancelled();
  });

  it("throws CANCELLED when the client is destroyed in a start after a run that has ended", async () => {
    const browser = await launch();
    await browser.close();
    await expectCancelled();
  });

  it("begins when the destroy was for the browser before", async () => {
    const browser = await launch();
    await browser.close();
    const closed = gate();
    const start = guards.start({ ...later, previous: closed.opened }, begin);
    guards.destroyed();
    closed.open();
    await start;
    expect(begun).toBe(1);
  });

  it("begins after a destroy that came before the call", async () => {
    guards.destroyed();
    await guards.start(first, begin);
    expect(begun).toBe(1);
  });

  it("throws the error of begin", async () => {
    const error = new Error("no profile");
    await expect(guards.start(first, () => Promise.reject(error))).rejects.toBe(error);
  });
});

it("a watch throws CANCELLED once the client is destroyed after its call, and not for an earlier destroy", () => {
  guards.destroyed();
  const check = guards.watchDestroys();
  check();
  guards.destroyed();
  expect(check).toThrow(destroyed.message);
});

describe("started", () => {
  it("returns a new browser once", async () => {
    await launch();
    expect(await guards.started(true)).toBeUndefined();
    expect(await guards.started(false)).toBeUndefined();
  });

  it("returns nothing without a browser", async () => {
    expect(await guards.started(false)).toBeUndefined();
  });

  it("closes a new browser of a client that was destroyed meanwhile, and throws CANCELLED", async () => {
    const browser = new ScriptedBrowser();
    client.pupBrowser = browser;
    await expect(guards.started(false)).rejects.toMatchObject(destroyed);
    expect(browser.isConnected()).toBe(false);
  });
});
