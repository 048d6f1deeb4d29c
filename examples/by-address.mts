// A bot whose store is named from outside, by WA_VAULT_STORE: a directory on the desk, a bucket or a database on the server.
//   WA_VAULT_STORE=file:./sessions npx tsx by-address.mts
//   WA_VAULT_STORE='s3://bucket/bots?region=eu-central-1' npx tsx by-address.mts
// An address with a password goes into a file that WA_VAULT_STORE_FILE names, and a key to encrypt with into WA_VAULT_KEY or
// WA_VAULT_KEY_FILE. Beside the bot install the library of the store: docs/stores.md, "By address".
import qrcode from "qrcode-terminal";
import { RemoteAuth, storeFromUrl } from "wa-vault";
import { Client } from "whatsapp-web.js";

const store = await storeFromUrl();
console.log(`sessions are in ${store.address}`);
const client = new Client({
  authStrategy: new RemoteAuth({ store, clientId: "support", backupSyncIntervalMs: 300_000 }),
});

client.on("qr", (qr) => qrcode.generate(qr, { small: true }));
client.on("ready", () => console.log("ready"));
client.on("remote_session_error", (error) => console.error(error));

// On SIGTERM the session is saved a last time, and the process ends. A script that ends by itself calls `store.close()`.
await client.initialize();
