// A bot with a socket, in a process of its own, that sends as fast as it can until it is killed. Started by kills.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { baileys } from "../../test/support/baileys.ts";
import { BaileysBot } from "../../test/support/baileys-bot.ts";
import { trustTestServers } from "../../test/support/whatsapp-server/certificate.ts";
import { quietLibsignal } from "../../test/support/whatsapp-server/quiet-libsignal.ts";
import { COUNTER, type KillNews, type KillSpec } from "./kill-spec.ts";
import { loadState, openState } from "./states.ts";

const spec = JSON.parse(process.argv[2] ?? "") as KillSpec;
process.once("disconnect", () => process.exit(0));
/** Pause before a socket that was closed is made anew, in milliseconds. */
const AGAIN_MS = 200;
/** Nothing is sent before the other process says so. */
const go = new Promise((resolve) => process.once("message", resolve));

const library = await baileys();
trustTestServers();
quietLibsignal();
await loadState(spec.state);
try {
  for (;;) {
    await live();
    await sleep(AGAIN_MS);
  }
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  await tell({ ended: code ?? message });
  process.exit(1);
}

/** Connects, and sends until the socket is closed. As in Baileys' README, the bot connects again on everything but 401. */
async function live(): Promise<void> {
  let isClosed = false;
  const link = (qr: string): Promise<void> => tell({ qr });
  const bot = await BaileysBot.start({
    baileys: library,
    server: { url: spec.url, phone: { link } },
    openState: () => openState(spec.state),
  });
  const closed = bot.events.until("close").then(() => {
    isClosed = true;
  });
  const { keys, creds } = bot.opened.state;
  const found: { [id: string]: unknown } = await keys.get("session", [COUNTER]);
  await tell({ found: countOf(found[COUNTER]), isLinked: creds.me !== undefined });
  if (creds.me) await Promise.race([bot.events.until("open"), closed]);
  else await bot.link();
  await tell({ connected: true });
  await go;
  const send = async (jid: string): Promise<void> => {
    for (let index = 0; !isClosed; index++) await bot.send(jid, `${process.pid} ${index}`).catch(() => sleep(1));
  };
  const count = async (): Promise<void> => {
    for (let counter = countOf(found[COUNTER]) + 1; !isClosed; counter++) {
      await bot.opened.state.keys.set({ session: { [COUNTER]: { counter } as never } });
      await tell({ stored: counter });
    }
  };
  await Promise.all([...spec.jids.map(send), count(), closed]);
  await bot.opened.close?.();
}

function countOf(value: unknown): number {
  return (value as { counter?: number } | undefined | null)?.counter ?? 0;
}

/** Resolves when the news are on their way: a process that is killed then has told them. */
function tell(news: KillNews): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(news, () => resolve());
  });
}
