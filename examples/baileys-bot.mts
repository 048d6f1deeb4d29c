// A Baileys bot whose login is in a directory: the QR is scanned once. Another machine that has the directory goes on.
// Run: npx tsx baileys-bot.mts
import { setTimeout as pause } from "node:timers/promises";
import makeWASocket, { DisconnectReason } from "baileys";
import qrcode from "qrcode-terminal";
import { useVaultAuthState } from "wa-vault/baileys";
import { FileStore } from "wa-vault/fs";

const store = new FileStore({ directory: "sessions" });
const { loggedOut, connectionReplaced, restartRequired } = DisconnectReason;
let stop = (): void => process.exit();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop());

for (let status: number | undefined; ; await pause(status === restartRequired ? 0 : 5_000)) {
  const { state, bind, clear, close } = await useVaultAuthState({ store, session: "support" });
  const socket = makeWASocket({ auth: state });
  bind(socket);
  socket.ev.on("messages.upsert", async ({ messages }) => {
    for (const { key, message } of messages) {
      if (message?.conversation === "ping" && key.remoteJid) await socket.sendMessage(key.remoteJid, { text: "pong" });
    }
  });
  status = await new Promise((resolve) => {
    stop = () => resolve(undefined);
    socket.ev.on("connection.update", ({ connection, lastDisconnect, qr }) => {
      if (qr) qrcode.generate(qr, { small: true });
      if (connection === "open") console.log("ready");
      const error = lastDisconnect?.error as { output?: { statusCode: number } } | undefined;
      if (connection === "close") resolve(error?.output?.statusCode);
    });
  });
  if (status === undefined) void socket.end(undefined);
  // Removed on the phone. What was stored can be brought back for a week; the next start links anew.
  if (status === loggedOut) await clear();
  // For a restart, which WhatsApp asks for after a link, it is opened again as it is.
  if (status !== restartRequired) await close();
  if (status === undefined || status === loggedOut || status === connectionReplaced) process.exit(status ? 1 : 0);
}
