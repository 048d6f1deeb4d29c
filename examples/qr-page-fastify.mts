// A bot that shows its QR on a page until it is linked, with Fastify 5.
//   npx tsx qr-page-fastify.mts     then open the address that it prints
// Whoever sees the QR can link an account of theirs, which your bot then reads and answers. So the page is served to this
// machine alone, with a token that is new at each start. From yours: ssh -L 3000:127.0.0.1:3000 server
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { fastify } from "fastify";
import { renderSVG } from "uqr";
import { RemoteAuth, type VaultError } from "wa-vault";
import { FileStore } from "wa-vault/fs";
import { Client } from "whatsapp-web.js";

const { PORT = "3000", SESSIONS = "./volume/sessions" } = process.env;
const store = new FileStore({ directory: SESSIONS });
const client = new Client({ authStrategy: new RemoteAuth({ store, clientId: "qr", backupSyncIntervalMs: 300_000 }) });

let shown = "<p>The bot is starting …</p>";
client.on("qr", (qr) => {
  shown = `<p>On your phone: WhatsApp, <b>Linked devices</b>, <b>Link a device</b></p>${renderSVG(qr, { border: 4 })}`;
});
client.on("ready", () => {
  shown = "<p>✓ The bot is linked.</p>";
});
client.on("disconnected", () => {
  shown = "<p>The bot is disconnected.</p>";
});
client.on("remote_session_error", ({ code, message }: VaultError) => console.error(code, message));

const token = randomBytes(16).toString("hex");
const hash = (text: unknown) => createHash("sha256").update(String(text)).digest();
const head = `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>Link the bot</title>
<style>body{font:1.1rem/1.5 system-ui;text-align:center;margin:2rem 1rem}svg{width:min(90vw,22rem)}</style>`;

const app = fastify();
app.get<{ Querystring: { token?: string } }>("/", async ({ query }, reply) => {
  reply.headers({ "cache-control": "no-store", "referrer-policy": "no-referrer" });
  if (timingSafeEqual(hash(query.token), hash(token))) return reply.type("text/html; charset=utf-8").send(head + shown);
  return reply.code(403).send("The token is missing or wrong.");
});
await app.listen({ port: Number(PORT), host: "127.0.0.1" });
console.log(`http://127.0.0.1:${PORT}/?token=${token}`);

// On SIGTERM the session is saved a last time.
await client.initialize();
