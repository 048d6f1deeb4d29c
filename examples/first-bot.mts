// The shortest bot: it asks for a link once, and never again on this machine.
// The script passes its arguments to the browser. As root, for instance in a container, the browser needs --no-sandbox.
//   npx tsx first-bot.mts [--no-sandbox]
// A clone of the repository downloads no browser, so name one:
//   PUPPETEER_EXECUTABLE_PATH=/usr/bin/chromium npx tsx examples/first-bot.mts [--no-sandbox]
import qrcode from "qrcode-terminal";
import { LocalAuth } from "wa-vault";
import { Client } from "whatsapp-web.js";

const authStrategy = new LocalAuth({ dataPath: "./sessions" });
const client = new Client({ authStrategy, puppeteer: { args: process.argv.slice(2) } });

client.on("qr", (qr) => qrcode.generate(qr, { small: true }));
client.on("ready", () => console.log("ready"));
client.on("message", async (message) => {
  if (message.body === "ping") await message.reply("pong");
});

await client.initialize();
