// A bot in TypeScript that is compiled to CommonJS, for a project whose other code is CommonJS.
//   npm install && npm run build && npm start
import { generate } from "qrcode-terminal";
import { RemoteAuth, type SaveReport, type VaultError } from "wa-vault";
import { FileStore } from "wa-vault/fs";
import { Client } from "whatsapp-web.js";

async function main(): Promise<void> {
  const store = new FileStore({ directory: process.env.SESSIONS ?? "./volume/sessions" });
  const authStrategy = new RemoteAuth({ store, clientId: "commonjs", backupSyncIntervalMs: 300_000 });
  const client = new Client({ authStrategy });
  client.on("qr", (qr) => generate(qr, { small: true }));
  client.on("ready", () => console.log("ready"));
  client.on("remote_session_saved", ({ bytesSent }: SaveReport) => console.log(`saved, ${bytesSent} bytes sent`));
  client.on("remote_session_error", ({ code, message }: VaultError) => console.error(code, message));
  await client.initialize();
}

// CommonJS has no `await` at the top.
main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
