// Pictures of the status page: `npm run screenshots` writes the two of the documents, `-- --all <folder>` each view in both
// widths, light and dark, for whoever changes the page and looks at it.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hear, launchBrowser, SLOW_MS } from "./support/browser.ts";
import { ScriptedStore } from "./support/scripted-store.ts";
import { shownSessions } from "./support/shown-sessions.ts";
import { startStatus, TOKEN } from "./support/status-rig.ts";

const docs = fileURLToPath(new URL("../../../docs/", import.meta.url));
const [flag, folder = docs] = process.argv.slice(2);
const isAll = flag === "--all";

const schemes = ["light", "dark"] as const;
const widths = isAll ? [360, 1280] : [1120];
const views: Readonly<Record<string, string>> = isAll
  ? {
      overview: "/",
      detail: "/sessions/RemoteAuth-support",
      unreadable: "/sessions/RemoteAuth-archive",
      deleted: "/sessions/RemoteAuth-old-hotline",
      qr: "/qr/support",
      absent: "/sessions/nobody",
    }
  : { serve: "/" };

const store = new ScriptedStore(shownSessions());
const status = await startStatus(store.served, { hasToken: true, everyMs: 5_000, olderThanMs: 86_400_000 });
const browser = await launchBrowser();
try {
  await mkdir(folder, { recursive: true });
  if (isAll) {
    await fetch(`${status.url}/api/qr/support`, {
      method: "PUT",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: `2@${"Kx9dQ2".repeat(20)},${"a8Zs".repeat(11)}=,${"h3Lk".repeat(11)}=,${"9dPq".repeat(11)}=,1`,
    });
  }
  for (const scheme of schemes) {
    for (const width of widths) {
      for (const [name, path] of Object.entries(views)) {
        const context = await browser.createBrowserContext();
        const page = await context.newPage();
        const heard = await hear(page);
        await page.setViewport({
          width,
          height: width < 500 ? 780 : isAll ? 900 : 716,
        });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.evaluateOnNewDocument(`sessionStorage.setItem("wa-vault-token", ${JSON.stringify(TOKEN)})`);
        await page.goto(`${status.url}${path}`, { timeout: SLOW_MS });
        await page.waitForFunction('document.querySelector("#live").textContent.startsWith("Live")', {
          timeout: SLOW_MS,
        });
        // For pictures only: what is drawn a moment later, as a plot, is in them.
        await new Promise((resolve) => setTimeout(resolve, 500));
        const file = isAll ? `${name}-${width}-${scheme}.png` : `${name}-${scheme}.png`;
        await writeFile(join(folder, file), await page.screenshot({ type: "png", fullPage: isAll }));
        console.log(file, ...heard.errors);
        await context.close();
      }
    }
  }
} finally {
  await browser.close();
  await status.close();
}
