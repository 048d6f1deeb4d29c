// The status page in a real Chromium: what a person sees, and that nothing from a store becomes HTML.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MemoryStore } from "../../../adapters/memory.ts";
import type { ServedStore } from "../../../cli/serve/routes.ts";
import { VaultError } from "../../../lib/errors.ts";
import type { SessionSummary } from "../../../lib/store.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { isChromiumMissing } from "../../support/chromium.ts";
import { type Browser, type Heard, hear, launchBrowser, type Page, SLOW_MS } from "./support/browser.ts";
import { contrastsBelow, namelessControls } from "./support/looks.ts";
import { generation, ScriptedStore } from "./support/scripted-store.ts";
import { shownSessions } from "./support/shown-sessions.ts";
import { type RunningStatus, TOKEN, useStatus } from "./support/status-rig.ts";

const start = useStatus();
let browser: Browser;
let page: Page;
let heard: Heard;
let closePage: () => Promise<void>;

describe.skipIf(isChromiumMissing())("the status page", () => {
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
  });
  beforeEach(async () => {
    const context = await browser.createBrowserContext();
    page = await context.newPage();
    heard = await hear(page);
    closePage = () => context.close();
    await page.setViewport({ width: 1280, height: 900 });
  });
  afterEach(async () => {
    await closePage();
  });

  /** Opens the page, logged in unless `isOut`. */
  async function open(status: RunningStatus, path = "/", isOut = false): Promise<void> {
    if (!isOut) {
      await page.evaluateOnNewDocument(`sessionStorage.setItem("wa-vault-token", ${JSON.stringify(TOKEN)})`);
    }
    await page.goto(status.url + path, { timeout: SLOW_MS });
  }

  const until = (code: string): Promise<unknown> => page.waitForFunction(code, { timeout: SLOW_MS });
  const untilText = (selector: string, text: string): Promise<unknown> =>
    until(`document.querySelector(${JSON.stringify(selector)})?.textContent.includes(${JSON.stringify(text)})`);
  const textOf = (selector: string): Promise<string> =>
    page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
  const rows = (): Promise<string[]> =>
    page.evaluate('[...document.querySelectorAll(".sessions tbody tr")].map((row) => row.dataset.session)');

  /** Nothing of the page, its server or its policy was broken, and nobody else was asked for anything. */
  function expectQuiet({ url, faults }: RunningStatus, errors: readonly unknown[] = []): void {
    expect(heard.errors).toEqual(errors);
    expect(heard.requests.filter((one) => !one.startsWith(`${url}/`) && !one.startsWith("data:"))).toEqual([]);
    expect(faults).toEqual([]);
  }

  it("shows a session, its saves as they come, and its deletion", async () => {
    const store = Object.assign(new MemoryStore(), { address: "memory:" });
    const status = await start(store);
    await open(status, "/", true);
    await untilText("main", "This store has no sessions yet.");
    expect(await textOf("#address")).toBe("memory:");
    const session = "RemoteAuth-support";
    const lease = await store.acquire({ session });
    await untilText(".sessions", "Running");
    await store.saveProfile({ session, capture: captureOf(profileFiles("one")), lease });
    await untilText(".sessions", "just now");
    await lease.release();
    await untilText(".sessions", "Stored");
    await untilText("#announcer", "Stored");
    await page.click(".sessions tbody a");
    await untilText("h1", session);
    await until('document.querySelectorAll(".part").length === 3');
    expect(await textOf(".facts")).toMatch(/Kind\nBrowser[\s\S]*Encryption\nNone[\s\S]*In the bot's code\nsupport/);
    await store.delete({ session });
    await untilText(".notices", "wa-vault undelete");
    expectQuiet(status);
  });

  it("says that the store is away, keeps what was known, and goes on when it is back", async () => {
    const store = new ScriptedStore(shownSessions());
    const status = await start(store.served);
    await open(status, "/", true);
    await until('document.querySelectorAll(".sessions tbody tr").length === 10');
    store.failure = new VaultError("UNAVAILABLE", "Could not list: <b>no</b> answer.", { hint: "Is it up?" });
    await untilText("#banners", "The store does not answer since");
    expect(await textOf("#banners")).toContain("Could not list: <b>no</b> answer.");
    expect(await textOf("#live")).toBe("Store away");
    expect(await rows()).toHaveLength(10);
    store.failure = undefined;
    await untilText("#live", "Live");
    expect(await textOf("#banners")).toBe("");
    expectQuiet(status);
  });

  it("says that its server is away, and goes on when it is back", async () => {
    const store = new ScriptedStore(shownSessions());
    const status = await start(store.served);
    await open(status, "/", true);
    await until('document.querySelectorAll(".sessions tbody tr").length === 10');
    await status.close();
    await untilText("#banners", "The server of this page does not answer");
    expect(await rows()).toHaveLength(10);
    await start(store.served, { port: status.port });
    await until('document.querySelector("#banners").textContent === ""');
    await untilText("#live", "Live");
  });

  it("asks for the token, refuses a wrong one, keeps it in this tab alone, and forgets it", async () => {
    const status = await start(new ScriptedStore(shownSessions()).served, { hasToken: true });
    await open(status, "/sessions/RemoteAuth-support", true);
    await page.waitForSelector("form.login", { timeout: SLOW_MS });
    expect(await page.evaluate("document.activeElement.id")).toBe("token");
    await page.keyboard.type("not the token of it");
    await page.keyboard.press("Enter");
    await untilText("#login-error", "This is not the token");
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");
    await untilText("h1", "RemoteAuth-support");
    await untilText(".facts", "bot-7c9f:17");
    expect(await page.evaluate("document.cookie + JSON.stringify(localStorage) + location.href")).not.toContain(TOKEN);
    expect(heard.requests.filter((one) => one.includes(TOKEN))).toEqual([]);
    await page.goto(status.url, { timeout: SLOW_MS });
    await until('document.querySelectorAll(".sessions tbody tr").length === 10');
    await page.click("#log-out");
    await page.waitForSelector("form.login", { timeout: SLOW_MS });
    expect(await textOf("main")).not.toContain("RemoteAuth");
    expect(await page.evaluate('sessionStorage.getItem("wa-vault-token")')).toBeNull();
    expectQuiet(status, [expect.stringContaining("401")]);
  });

  it("rolls back after a question, shows why it cannot, and can be used by keyboard alone", async () => {
    const store = Object.assign(new MemoryStore(), { address: "memory:" });
    const session = "RemoteAuth-support";
    const lease = await store.acquire({ session });
    const first = await store.saveProfile({ session, capture: captureOf(profileFiles("one")), lease });
    await store.saveProfile({ session, capture: captureOf(profileFiles("two")), lease });
    const status = await start(store, { hasToken: true });
    await open(status);
    await until('document.querySelector(".sessions tbody a")');
    await page.evaluate('document.querySelector(".sessions tbody a").focus()');
    await page.keyboard.press("Enter");
    await until('document.querySelector(".part button")');
    expect(await page.evaluate("document.activeElement.tagName")).toBe("H1");
    const isOn = `document.activeElement.getAttribute("aria-label") === "Roll back to generation ${first.generation}"`;
    for (let tabs = 0; tabs < 30 && !(await page.evaluate(isOn)); tabs++) await page.keyboard.press("Tab");
    expect(await page.evaluate(isOn)).toBe(true);
    await page.keyboard.press("Enter");
    await until('document.querySelector("dialog[open]")');
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Cancel");
    expect(await textOf("dialog")).toContain("stop that bot first");
    // Escape changes nothing, and goes back to the button.
    await page.keyboard.press("Escape");
    await until('!document.querySelector("dialog")');
    expect(await page.evaluate(isOn)).toBe(true);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await untilText(".dialog-error", session);
    expect((await store.state({ session }))?.current?.generation).not.toBe(first.generation);
    await lease.release();
    await page.keyboard.press("Enter");
    await until('!document.querySelector("dialog")');
    expect((await store.state({ session }))?.current?.generation).toBe(first.generation);
    await untilText(".facts", `${first.generation} (2 kept)`);
    expectQuiet(status, [expect.stringContaining("409")]);
  });

  it("offers no way back in a session of Baileys, where a store has none", async () => {
    const store = Object.assign(new MemoryStore(), { address: "memory:" });
    const session = "Baileys-support";
    for (const creds of ["one", "two"]) {
      await store.replaceRecords({ session, records: new Map([["creds", Buffer.from(creds)]]) });
    }
    expect((await store.state({ session }))?.generations).toHaveLength(2);
    const status = await start(store, { hasToken: true });
    await open(status, `/sessions/${session}`);
    await untilText("main", "before a deletion");
    expect(await page.evaluate('[...document.querySelectorAll("button")].map((one) => one.textContent)')).not.toContain(
      "Roll back",
    );
    expectQuiet(status);
  });

  it("takes a deletion back after a question", async () => {
    const store = Object.assign(new MemoryStore(), { address: "memory:" });
    const session = "RemoteAuth-support";
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, capture: captureOf(profileFiles("one")), lease });
    await store.delete({ session, lease });
    await lease.release();
    const status = await start(store, { hasToken: true });
    await open(status, `/sessions/${session}`);
    await untilText(".notices", "Undelete");
    await page.click(".notices button");
    await page.click("dialog .primary");
    await untilText(".status-line", "Stored");
    expect(await store.sessionExists({ session })).toBe(true);
    expectQuiet(status);
  });

  it("shows the QR code of a bot while it asks for one, and its pairing code", async () => {
    const status = await start(new ScriptedStore(shownSessions()).served, { hasToken: true });
    await open(status, "/qr/support");
    await untilText("main", "No code is here now.");
    const put = async (body: string, session = "support"): Promise<void> => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      await fetch(
        `${status.url}/api/qr/${session}`,
        body === "" ? { method: "DELETE", headers } : { method: "PUT", headers, body },
      );
    };
    await put(`2@${"Kx9dQ2".repeat(30)}`);
    await until('document.querySelector(".qr-board img")?.naturalWidth > 0');
    expect(await page.evaluate<number>('document.querySelector(".qr-board img").clientWidth')).toBeGreaterThan(400);
    await untilText(".qr-age", "Sent by the bot");
    const first = await page.evaluate('document.querySelector(".qr-board img").src');
    await put(`2@${"Zz0dQ2".repeat(30)}`);
    await until(`document.querySelector(".qr-board img")?.src !== ${JSON.stringify(first)}`);
    await put("ABCD1234");
    await untilText(".qr-board", "ABCD-1234");
    await put("");
    await untilText(".qr-board", "The code is gone.");
    await put("2@x", "other");
    await page.click("a.brand");
    await untilText("#banners", "Link other");
    expectQuiet(status);
  });

  it("takes nothing from a store for HTML", async () => {
    const evil = '"><img src=x onerror="alert(1)"><script>document.title="taken"</script>&amp;';
    const lease = {
      owner: evil,
      since: new Date(),
      expiresAt: new Date(Date.now() + 60_000),
      ttlMs: 60_000,
      renewals: 1,
    };
    const saved = generation(1, 1_000, { keyId: evil });
    const problem = new VaultError("CORRUPT", evil, { hint: evil });
    const common = { kind: "profile", generations: 1, changedAt: new Date(), holder: evil } as const;
    const history = [
      { entry: 1, kind: "hold", at: new Date(), by: evil, epoch: 1 },
      { entry: 2, kind: "unreadable", error: problem },
    ] as const;
    const summary: SessionSummary = {
      ...common,
      session: "RemoteAuth-evil",
      saved,
      lease,
      leaseProblem: problem,
      profile: { browserVersion: evil },
    };
    const store = new ScriptedStore(
      [
        { summary, generations: [saved, generation(2, 5)], history },
        { summary: { session: "RemoteAuth-torn", problem } },
      ],
      `s3://${evil}`,
    );
    const status = await start(store.served, { hasToken: true });
    await open(status);
    await untilText(".sessions", evil);
    await page.click(".sessions tr[data-session=RemoteAuth-evil] a");
    await until('document.querySelectorAll(".part").length === 3');
    await page.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true; })');
    await untilText("main", `Cannot be read: ${evil}`);
    await page.evaluate('document.querySelector(".part button").click()');
    await until('document.querySelector("dialog[open]")');
    await page.goto(`${status.url}/sessions/RemoteAuth-torn`, { timeout: SLOW_MS });
    await untilText(".notices", evil);
    expect(await textOf("#address")).toBe(`s3://${evil}`);
    await page.goto(`${status.url}/qr/${encodeURIComponent("<img src=x>")}`, { timeout: SLOW_MS });
    await untilText("h1", "Link <img src=x>");
    expect(await page.evaluate('document.querySelectorAll("main img, main script").length')).toBe(0);
    expect(await page.evaluate("document.title")).not.toBe("taken");
    expectQuiet(status);
  });

  it("finds one of 2,000 sessions, by a part of its name, its process or its kind, and sorts them", async () => {
    const sessions = Array.from({ length: 2_000 }, (_, n) => {
      const [one] = shownSessions();
      const saved = generation(1, n * 60_000, { bytes: 1_000 * ((n * 7) % 2_003) });
      return {
        summary: { ...one?.summary, session: `RemoteAuth-c${n}`, saved, changedAt: saved.at } as SessionSummary,
      };
    });
    const status = await start(new ScriptedStore(sessions).served, { everyMs: 60_000 });
    await open(status, "/", true);
    await until('document.querySelectorAll(".sessions tbody tr").length === 2000');
    expect((await rows()).slice(0, 3)).toEqual(["RemoteAuth-c0", "RemoteAuth-c1", "RemoteAuth-c2"]);
    await page.click(".sessions th[data-id=size] button");
    const largest = await rows();
    await page.click(".sessions th[data-id=size] button");
    expect(await rows()).toEqual([...largest].reverse());
    expect(await page.evaluate('document.querySelector("[aria-sort]").dataset.id')).toBe("size");
    await page.type("#search", "c29");
    expect((await rows()).length).toBe(11);
    expect(await textOf(".found")).toBe("11 of 2000 sessions");
    await page.type("#search", "zzz");
    await untilText(".empty", "No session is like that.");
    await page.click(".empty button");
    await until('document.querySelectorAll(".sessions tbody tr").length === 2000');
    expectQuiet(status);
  });

  it("says which sessions are near to one that is not there, and what to do", async () => {
    const status = await start(new ScriptedStore(shownSessions()).served);
    await open(status, "/sessions/RemoteAuth-suport", true);
    await untilText(".notices", "There is no session RemoteAuth-suport.");
    expect(await textOf(".notices")).toContain("RemoteAuth-support");
    await page.click(".notices a");
    await untilText("h1", "Sessions");
    expectQuiet(status, [expect.stringContaining("404")]);
  });

  it("is readable on a phone and on a desk, in the light and in the dark, and every control has a name", async () => {
    const store = new ScriptedStore(shownSessions());
    const status = await start(store.served as ServedStore, {
      hasToken: true,
      olderThanMs: 86_400_000,
      everyMs: 60_000,
    });
    await fetch(`${status.url}/api/qr/support`, {
      method: "PUT",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: "2@a",
    });
    await open(status);
    const views = [
      "/",
      "/sessions/RemoteAuth-support",
      "/sessions/RemoteAuth-archive",
      "/sessions/RemoteAuth-old-hotline",
      "/qr/support",
      "/qr/x",
    ];
    for (const path of views) {
      await page.goto(status.url + path, { timeout: SLOW_MS });
      await untilText("#live", "Live");
      if (path.endsWith("support") && path.startsWith("/s"))
        await until('document.querySelectorAll(".drawing rect").length > 0');
      await page.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true; })');
      for (const width of [360, 1280]) {
        await page.setViewport({ width, height: 800 });
        const scroll = await page.evaluate<number>("document.documentElement.scrollWidth");
        expect([path, scroll]).toEqual([path, Math.min(scroll, width)]);
        for (const scheme of ["light", "dark"]) {
          await page.emulateMediaFeatures([
            { name: "prefers-color-scheme", value: scheme },
            // A colour that is just changing has any contrast.
            { name: "prefers-reduced-motion", value: "reduce" },
          ]);
          // 4.5 is what WCAG wants of text, at level AA.
          expect([path, width, scheme, await contrastsBelow(page, 4.5)]).toEqual([path, width, scheme, []]);
        }
      }
      expect([path, await namelessControls(page)]).toEqual([path, []]);
      expect(
        await page.evaluate('["header", "main", "h1"].map((tag) => document.querySelectorAll(tag).length)'),
      ).toEqual([1, 1, 1]);
    }
    expectQuiet(status);
  });
});
