import { join } from "node:path";
import { encode } from "uqr";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useRig } from "../support/rig.ts";
import { whatsappVersionsHere } from "../support/whatsapp.ts";
import { useLinks } from "./support/link-project.ts";
import { modulesOf } from "./support/terminal-qr.ts";

const rig = useRig();
const startLink = useLinks();

describe("wa-vault link --headless", () => {
  it("links by the QR code in the terminal, and a bot elsewhere starts without one", async () => {
    const folder = rig.folder();
    const directory = join(folder, "sessions");
    const link = startLink({ folder, args: ["support", "--store", `file:${directory}`, "--headless", "--json"] });
    const { values } = await link.events.until("1 qr");
    await link.said("Scan this code");
    const { data } = encode(String(values[0]), { ecc: "L", border: 2 });
    await link.until(() => modulesOf(link.stderr).length > 0);
    expect(modulesOf(link.stderr)[0]).toEqual(data);
    await link.phone.pair({ wid: "15550001234@c.us" });
    expect(await link.end()).toBe(0);
    expect(link.stdout.trimEnd().split("\n")).toHaveLength(1);
    const told = JSON.parse(link.stdout);
    expect(told).toMatchObject({ store: `file:${directory}`, session: "RemoteAuth-support", phone: "…1234" });
    expect(told).toMatchObject({ kind: "profile", proven: true, replaced: false });
    expect(link.stderr).not.toContain("15550001234");
    const { current, lease } = (await new FileStore({ directory }).state({ session: "RemoteAuth-support" })) ?? {};
    expect(current?.generation).toBe(told.generation);
    expect(lease).toBeUndefined();

    const store = { kind: "file", directory } as const;
    const bot = rig.start({ strategy: "remote", clientId: "support", dataPath: join(folder, "server"), store });
    await bot.until("ready");
    expect(bot.count("qr")).toBe(0);
    expect(await bot.phone.verdict()).toMatchObject({ linked: true, chain: "ok" });
  });

  it.each(whatsappVersionsHere)(
    "links by a code that is typed on the phone, where a session was deleted: %s",
    async (version) => {
      const folder = rig.folder();
      const directory = join(folder, "sessions");
      const earlier = new FileStore({ directory });
      const session = "RemoteAuth-support";
      const lease = await earlier.acquire({ session });
      await earlier.saveProfile({ session, capture: captureOf(profileFiles("earlier")), lease });
      await earlier.delete({ session, lease });
      await lease.release();
      const args = [
        "--session",
        "support",
        "--store",
        `file:${directory}`,
        "--pairing-code",
        "+1 555 000-4321",
        "--no-proof",
      ];
      const client = version === "1.34.7" ? "whatsapp-web.js" : `wwebjs-${version}`;
      const link = startLink({ folder, args, client });
      const { values } = await link.events.until("1 code");
      const code = String(values[0]);
      await link.said([...`${code.slice(0, 4)}-${code.slice(4)}`].join(" "));
      await link.phone.pair();
      expect(await link.end()).toBe(0);
      expect(link.stdout).toMatch(/^RemoteAuth-support is linked \(…4321\) and stored in file:.+, read back\.\n/);
      expect(link.events.all("2 ready")).toEqual([]);
      expect((await earlier.state({ session }))?.deleted).toBeUndefined();
    },
  );

  it("says that a passkey needs a window", async () => {
    const folder = rig.folder();
    const link = startLink({ folder, args: ["support", "--store", "file:./sessions", "--headless", "--json"] });
    await link.events.until("1 qr");
    // As the page does when it continues with a passkey.
    await link.phone.evaluate(
      "void navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId: 'web.whatsapp.com' } }).catch(() => {})",
    );
    expect(await link.end()).toBe(8);
    expect(link.stderr).toContain(
      '{"error":{"code":"DENIED","message":"WhatsApp asks for a passkey, which needs a window."',
    );
  });
});
