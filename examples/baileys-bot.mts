// A Baileys bot whose login is in a directory: the QR is scanned once. Another machine that has the directory goes on.
// Run: npx tsx baileys-bot.mts
import makeWASocket, { DisconnectReason } from "baileys";
import qrcode from "qrcode-terminal";
import { useVaultAuthState } from "wa-vault/baileys";
import { FileStore } from "wa-vault/fs";

const store = new FileStore({ directory: "sessions" });
let end = async (): Promise<void> => {};

async function start(): Promise<void> {
  const { state, bind, clear, close } = await useVaultAuthState({ store, session: "support" });
  const socket = makeWASocket({ auth: state });
  bind(socket);
  end = async () => {
    await socket.end(undefined);
    await close();
  };
  socket.ev.on("connection.update", async ({ connection, lastDisconnect, qr }) => {
    if (qr) qrcode.generate(qr, { small: true });
    if (connection === "open") console.log("ready");
    if (connection !== "close") return;
    const { statusCode } = (lastDisconnect?.error as { output?: { statusCode: number } } | undefined)?.output ?? {};
    // Removed on the phone. What was stored can be brought back for a week; the next start links anew.
    if (statusCode === DisconnectReason.loggedOut) await clear();
    // Not when this process ends, or another one has the session now.
    else if (statusCode !== undefined && statusCode !== DisconnectReason.connectionReplaced) await start();
  });
  socket.ev.on("messages.upsert", async ({ messages }) => {
    for (const { key, message } of messages) {
      if (message?.conversation === "ping" && key.remoteJid) await socket.sendMessage(key.remoteJid, { text: "pong" });
    }
  });
}

// The next process need not wait for the session: it is given back.
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => end().finally(() => process.exit()));
await start();
