// A bot for a container. Its session is in a bucket, and it answers the probes of Kubernetes (deploy/*.yaml):
//   /alive   while the process runs, also while it waits until the bot before it has given the session back
//   /ready   once WhatsApp is connected. A rolling update must not wait for that: see docs/deployment.md.
// On SIGTERM the session is saved a last time and given back. Built to bot.mjs, started as `node bot.mjs`.
import { createServer } from "node:http";
import { S3Client } from "@aws-sdk/client-s3";
import qrcode from "qrcode-terminal";
import { RemoteAuth, type VaultError } from "wa-vault";
import { S3Store } from "wa-vault/s3";
import { Client } from "whatsapp-web.js";

const { S3_BUCKET = "my-sessions", S3_ENDPOINT, WA_VAULT_KEY, PORT = "3000" } = process.env;
// Keys and region come from AWS_*. S3_ENDPOINT is for servers that are not AWS.
const s3 = new S3Client(S3_ENDPOINT ? { endpoint: S3_ENDPOINT, forcePathStyle: true } : {});
// Made once, with `openssl rand -base64 32`. Without it nothing is encrypted.
const encryption = WA_VAULT_KEY ? { key: WA_VAULT_KEY } : undefined;
const store = new S3Store({ client: s3, bucket: S3_BUCKET, encryption });
// Longer than the grace period of the bot before it and the minute that its lease lasts together.
const leaseWaitMs = 180_000;
const authStrategy = new RemoteAuth({ store, clientId: "support", backupSyncIntervalMs: 300_000, leaseWaitMs });
const client = new Client({ authStrategy, puppeteer: { args: ["--no-sandbox", "--disable-dev-shm-usage"] } });
let isReady = false;
createServer(({ url }, response) => response.writeHead(url === "/alive" || isReady ? 200 : 503).end()).listen(PORT);
client.on("qr", (qr) => qrcode.generate(qr, { small: true }));
client.on("ready", () => {
  isReady = true;
});
client.on("remote_session_error", ({ code, message, hint }: VaultError) => console.error(code, message, hint ?? ""));

// Only a new start helps. Gives the session back first, and lets the container be started again.
const end = async (reason: unknown) => {
  console.error(reason);
  await client.destroy().catch(() => {});
  process.exit(1);
};
client.on("remote_session_interrupted", end);
client.on("remote_session_lost", end);
client.on("disconnected", async (reason) => {
  isReady = false;
  if (reason !== "LOGOUT") await end(`disconnected: ${reason}`);
});
client.initialize().catch(end);
