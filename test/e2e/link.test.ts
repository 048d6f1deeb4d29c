import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { useLinks } from "../cli/support/link-project.ts";
import { useRig } from "../support/rig.ts";
import { suiteWith } from "../support/services/suite.ts";
import { startDisplay, type VirtualDisplay } from "../support/virtual-display.ts";

const rig = useRig();
const key = createHash("sha256").update("a key").digest("hex");
const startLink = useLinks();

/** How many pixels of the screen are not black: where nothing is, Xvfb is black. */
function litShare({ rgb }: { rgb: Buffer }): number {
  let lit = 0;
  for (let at = 0; at < rgb.length; at += 3) if ((rgb[at] ?? 0) + (rgb[at + 1] ?? 0) + (rgb[at + 2] ?? 0) > 0) lit += 1;
  return lit / (rgb.length / 3);
}

function keep(display: VirtualDisplay, name: string): void {
  const { WA_VAULT_PICTURES: folder } = process.env;
  if (folder) writeFileSync(join(folder, `${name}.png`), display.picture());
}

await suiteWith("a link at a desk", startDisplay, (display) => {
  it("is made in a window, and runs on a server that has never shown a QR code", async () => {
    const folder = rig.folder();
    const directory = join(folder, "sessions");
    expect(litShare(display.pixels())).toBeLessThan(0.001);
    const link = startLink({
      folder,
      args: ["support", "--store", `file:${directory}`, "--device-name", "Desk"],
      env: { DISPLAY: display.name, WA_VAULT_KEY: key },
    });
    await link.events.until("1 qr");
    await link.said("Scan the code in the window");
    // The window is drawn a moment later.
    await expect.poll(() => litShare(display.pixels())).toBeGreaterThan(0.3);
    keep(display, "1-window");
    // The terminal has none: it is in the window.
    expect(link.stderr).not.toContain("▀");
    await link.phone.pair({ wid: "15550001234@c.us" });
    expect(await link.end()).toBe(0);
    keep(display, "2-after");
    expect(link.stderr.split("\n").filter((line) => line.endsWith("…"))).toEqual([
      `Checking the store file:${directory}…`,
      "Opening WhatsApp Web in a window…",
      "The phone has linked. WhatsApp Web is loading…",
      "Linked as …1234. Storing…",
      "Starting once more from what is stored…",
      "Reading back…",
    ]);
    expect(link.stdout).toMatch(
      /^RemoteAuth-support is linked \(…1234\) and stored in file:.+, read back and proven by a second start\.\n/,
    );
    // No window is left, only the pointer of the mouse.
    await expect.poll(() => litShare(display.pixels())).toBeLessThan(0.001);

    const encryption = { key };
    const { current, generations, lease } =
      (await new FileStore({ directory, encryption }).state({ session: "RemoteAuth-support" })) ?? {};
    expect(current?.keyId).toEqual(expect.any(String));
    expect(generations?.some(({ proven }) => proven)).toBe(true);
    expect(lease).toBeUndefined();
    const store = { kind: "file", directory, encryption } as const;
    const bot = rig.start({ strategy: "remote", clientId: "support", dataPath: join(folder, "server"), store });
    await bot.until("ready");
    expect(bot.count("qr")).toBe(0);
    expect(await bot.phone.verdict()).toMatchObject({ linked: true, chain: "ok", wid: "15550001234@c.us" });
  });
});
