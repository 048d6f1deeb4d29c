// The shortest bot: it asks for a link once, and never again on this machine.
// Run it with: npx tsx examples/first-bot.ts
import qrcode from "qrcode-terminal";
import { LocalAuth } from "wa-vault";
import { Client } from "whatsapp-web.js";

const client = new Client({ authStrategy: new LocalAuth({ dataPath: "./sessions" }) });

client.on("qr", (qr) => qrcode.generate(qr, { small: true }));
client.on("ready", () => console.log("ready"));
client.on("message", async (message) => {
  if (message.body === "ping") await message.reply("pong");
});

await client.initialize();
