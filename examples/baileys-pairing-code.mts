// A Baileys bot that is linked by a code, which is typed into the phone: for a server, where nobody can scan a QR.
// Run: REDIS_URL=redis://… npx tsx baileys-pairing-code.mts 5511999999999
import { setTimeout as pause } from "node:timers/promises";
import makeWASocket, { DisconnectReason } from "baileys";
import { Redis } from "ioredis";
import { useVaultAuthState } from "wa-vault/baileys";
import { RedisStore } from "wa-vault/redis";

const [number = ""] = process.argv.slice(2);
const store = new RedisStore({ client: new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379") });
const { loggedOut, connectionReplaced, restartRequired } = DisconnectReason;
let stop = (): void => process.exit();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop());

for (let status: number | undefined; ; await pause(status === restartRequired ? 0 : 5_000)) {
  const { state, bind, clear, close } = await useVaultAuthState({ store, session: number });
  // The code of an earlier start was not typed in: another one is asked for.
  if (!state.creds.account) Object.assign(state.creds, { me: undefined, registered: false });
  const socket = makeWASocket({ auth: state });
  bind(socket);
  status = await new Promise((resolve) => {
    stop = () => resolve(undefined);
    socket.ev.on("connection.update", async ({ connection, lastDisconnect, qr }) => {
      // Once there could be a QR, there can be a code.
      if (qr && !state.creds.me) console.log("code", await socket.requestPairingCode(number).catch(() => "failed"));
      if (connection === "open") console.log("ready");
      const error = lastDisconnect?.error as { output?: { statusCode: number } } | undefined;
      if (connection === "close") resolve(error?.output?.statusCode);
    });
  });
  if (status === undefined) void socket.end(undefined);
  // Removed on the phone. What was stored can be brought back for a week; the next start links anew.
  if (status === loggedOut) await clear();
  if (status !== restartRequired) await close();
  if (status === undefined || status === loggedOut || status === connectionReplaced) process.exit(status ? 1 : 0);
}
