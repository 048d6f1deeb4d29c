// Any store made for whatsapp-web.js works: it has four methods and keeps the session as one zip.
// This store is a folder of zips.
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import qrcode from "qrcode-terminal";
import { RemoteAuth, type SaveReport, type SessionStore } from "wa-vault";
import { Client } from "whatsapp-web.js";

const folder = "./zips";
await mkdir(folder, { recursive: true });

class ZipFolder implements SessionStore {
  /** Throws when the folder cannot be read: an outage must not look like an absence, which ends in a QR. */
  async sessionExists({ session }: { session: string }): Promise<boolean> {
    return (await readdir(folder)).includes(`${session}.zip`);
  }

  async save({ session, path = `${session}.zip` }: { session: string; path?: string }): Promise<void> {
    await copyFile(path, `${folder}/${session}.new`);
    await rename(`${folder}/${session}.new`, `${folder}/${session}.zip`);
  }

  async extract({ session, path }: { session: string; path: string }): Promise<void> {
    await copyFile(`${folder}/${session}.zip`, path);
  }

  async delete({ session }: { session: string }): Promise<void> {
    await rm(`${folder}/${session}.zip`, { force: true });
  }
}

const authStrategy = new RemoteAuth({ store: new ZipFolder(), backupSyncIntervalMs: 300_000 });
const client = new Client({ authStrategy });
client.on("qr", (qr) => qrcode.generate(qr, { small: true }));
client.on("ready", () => console.log("ready"));
client.on("remote_session_saved", ({ bytes }: SaveReport) => console.log(`saved ${bytes} bytes`));
await client.initialize();
