// Loaded before an example for Baileys (`node --import`): its sockets talk to a server of the test, and whoever started it
// hears what it would show in a QR. The example itself is unchanged.
import { createRequire } from "node:module";
import { DEFAULT_CONNECTION_CONFIG } from "baileys";
import { trustTestServers } from "../support/whatsapp-server/certificate.ts";
import { silentLogger } from "../support/whatsapp-server/silent-logger.ts";

const terminal = createRequire(import.meta.url)("qrcode-terminal") as { generate(text: string): void };

trustTestServers();
Object.assign(DEFAULT_CONNECTION_CONFIG, { waWebSocketUrl: process.env.WHATSAPP_URL, logger: silentLogger });
terminal.generate = (text) => void process.send?.(`qr ${text}`, () => {});
process.channel?.unref();
