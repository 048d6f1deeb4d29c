// A Baileys bot that is linked by a code, which is typed into the phone: for a server, where nobody can scan a QR.
// Run: REDIS_URL=redis://… npx tsx baileys-pairing-code.mts 5511999999999
import makeWASocket, { DisconnectReason } from "baileys";
import { Redis } from "ioredis";
import { useVaultAuthState } from "wa-vault/baileys";
import { RedisStore } from "wa-vault/redis";

const [number = ""] = process.argv.slice(2);
const client = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
const store = new RedisStore({ client });
let end = async (): Promise<void> => {};

async function start(): Promise<void> {
  const { state, bind, clear, close } = await useVaultAuthState({ store, session: number });
  const socket = makeWASocket({ auth: state });
  bind(socket);
  end = async () => {
    await socket.end(undefined);
    await close();
  };
  let isAsked = false;
  socket.ev.on("connection.update", async ({ connection, lastDisconnect, qr }) => {
    // Once there could be a QR, there can be a code.
    if (qr && !isAsked) {
      isAsked = true;
      console.log("code", await socket.requestPairingCode(number));
    }
    if (connection === "open") console.log("ready");
    if (connection !== "close") return;
    const { statusCode } = (lastDisconnect?.error as { output?: { statusCode: number } } | undefined)?.output ?? {};
    if (statusCode === DisconnectReason.loggedOut) await clear();
    else if (statusCode !== undefined && statusCode !== DisconnectReason.connectionReplaced) await start();
  });
}

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => end().finally(() => process.exit()));
await start();
