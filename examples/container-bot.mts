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

const { S3_BUCKET = "my-sessions", S3_ENDPOINT, PORT = "3000" } = process.env;
// Keys and region come from AWS_*. S3_ENDPOINT is for servers that are not AWS.
const s3 = new S3Client(S3_ENDPOINT ? { endpoint: S3_ENDPOINT, forcePathStyle: true } : {});
const store = new S3Store({ client: s3, bucket: S3_BUCKET });
const authStrategy = new RemoteAuth({ store, clientId: "support", backupSyncIntervalMs: 300_000 });
const puppeteer = { args: ["--no-sandbox", "--disable-dev-shm-usage"] };
const client = new Client({ authStrategy, puppeteer });

let isReady = false;
createServer(({ url }, response) => response.writeHead(url === "/alive" || isReady ? 200 : 503).end()).listen(PORT);

client.on("qr", (qr) => qrcode.generate(qr, { small: true }));
client.on("ready", () => {
  isReady = true;
});
client.on("remote_session_error", ({ code, message, hint }: VaultError) => console.error(code, message, hint ?? ""));
// The browser has died, or another process has the session: only a new start helps.
for (const event of ["remote_session_interrupted", "remote_session_lost"]) {
  client.on(event, async ({ code, message }: VaultError) => {
    console.error(code, message);
    await client.destroy();
    process.exit(1);
  });
}
// LEASE_HELD, or a store that is away, ends the process: the container is started again.
await client.initialize();
