import { join } from "node:path";
import type { Browser, Page } from "puppeteer";
import puppeteer from "puppeteer";
import { afterAll, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { chromiumFlags, findChromium } from "../support/chromium.ts";
import { useRig } from "../support/rig.ts";
import { freePort } from "../support/services/index.ts";
import { Example } from "./example.ts";

const rig = useRig();

let browser: Promise<Browser> | undefined;
afterAll(async () => (await browser)?.close());

/** A page of one browser for all tests here, with nothing of another page in it. */
async function visitor(): Promise<Page> {
  browser ??= puppeteer.launch({
    executablePath: findChromium().executablePath,
    args: [...chromiumFlags({ offline: false }), "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
    timeout: 180_000,
  });
  const context = await (await browser).createBrowserContext();
  return await context.newPage();
}

async function start(name: string, cwd: string): Promise<{ bot: Example; url: string }> {
  const port = String(await freePort());
  const bot = new Example(name, cwd, [], { PORT: port, WA_VAULT_LINK_LATER: "1" });
  const [url] = await bot.written(new RegExp(`http://127\\.0\\.0\\.1:${port}/\\?token=[0-9a-f]{32}`));
  return { bot, url };
}

describe.each(["qr-page-express.mts", "qr-page-fastify.mts"])("examples/%s", (name) => {
  it("shows the QR to who has the token until the bot is linked, and is ready without one afterwards", async () => {
    const cwd = rig.folder();
    const { bot, url } = await start(name, cwd);
    for (const wrong of ["", "?token=", "?token=x", `?token=${"0".repeat(32)}`, "?token=a&token=b"]) {
      expect((await fetch(new URL(`/${wrong}`, url))).status, wrong).toBe(403);
    }
    await bot.until("qr");
    const page = await visitor();
    await page.goto(url);
    await page.waitForSelector("svg");
    // No part of the page comes from elsewhere.
    const loaded = 'performance.getEntriesByType("resource").map(({ name }) => name)';
    const names = (await page.evaluate(loaded)) as string[];
    expect(names.filter((name) => !name.startsWith("data:"))).toEqual([]);
    const answer = await fetch(url);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    for (const width of [320, 1280]) {
      await page.setViewport({ width, height: 700 });
      const fits = await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth");
      expect(fits, String(width)).toBe(true);
      const folder = process.env.WA_VAULT_SCREENSHOTS;
      if (folder) await page.screenshot({ path: join(folder, `${name}-${width}.png`) });
    }

    bot.setState("LINK");
    await bot.until("ready");
    // The page loads itself again.
    await page.waitForFunction('document.body?.textContent.includes("The bot is linked")', { timeout: 240_000 });
    expect(await bot.end("SIGTERM")).toEqual([null, "SIGTERM"]);
    const store = new FileStore({ directory: join(cwd, "volume/sessions") });
    const state = await store.state({ session: "RemoteAuth-qr" });
    expect(state?.current).toBeDefined();
    expect(state?.lease).toBeUndefined();

    const second = await start(name, cwd);
    await second.bot.until("ready");
    expect(second.bot.events).not.toContain("qr");
    await second.bot.end("SIGTERM");
  });
});
