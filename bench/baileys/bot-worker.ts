// A bot on one state, in a process of its own, so that each state is measured alone. Started by bot-process.ts.
import { baileys } from "../../test/support/baileys.ts";
import { BaileysBot } from "../../test/support/baileys-bot.ts";
import { trustTestServers } from "../../test/support/whatsapp-server/certificate.ts";
import { quietLibsignal } from "../../test/support/whatsapp-server/quiet-libsignal.ts";
import { measure } from "../measure.ts";
import type { BotNews, BotRequest, BotResult } from "./bot-process.ts";
import { contactId, type RecordSet, recordsOf, session } from "./sample-records.ts";
import { loadState, openState, type StateSpec } from "./states.ts";

const spec = JSON.parse(process.argv[2] ?? "") as StateSpec;
const library = await baileys();
trustTestServers();
quietLibsignal();
await loadState(spec);
let opened: Awaited<ReturnType<typeof openState>> | undefined;
let bot: BaileysBot | undefined;
/** By how many sets of a fill are under way at once. */
const FILLS_AT_ONCE = 50;
/** How many sessions an opening bot reads. */
const AN_OPEN_READS = 3;

process.on("message", (request: BotRequest) => {
  perform(request).then(
    (result) => tell({ result }),
    (error: unknown) => tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
tell({ result: {} });

function tell(news: BotNews): void {
  process.send?.(news);
}

async function perform(request: BotRequest): Promise<BotResult> {
  switch (request.do) {
    case "connect":
      return await connect(request.url);
    case "send":
      return await send(request.jid, request.count);
    case "fill":
      return await fill(request.bytes, request.isOne);
    case "open":
      return await open();
    case "set":
      return await timed(request, async (index) => {
        await keys().set({ session: { [contactId(index % 100)]: session(1_000) } });
      });
    case "get":
      return await timed(request, async (index) => void (await keys().get("session", [contactId(index % 100)])));
    case "end":
      await bot?.end();
      await opened?.close?.();
      return {};
  }
}

function keys(): { get(type: string, ids: string[]): Promise<object>; set(data: RecordSet): Promise<void> } {
  const state = bot?.opened.state ?? opened?.state;
  if (!state) throw new Error("no state is open");
  return state.keys as unknown as ReturnType<typeof keys>;
}

async function connect(url: string): Promise<BotResult> {
  const link = async (qr: string): Promise<void> => tell({ qr });
  bot = await BaileysBot.start({
    baileys: library,
    server: { url, phone: { link } },
    openState: () => openState(spec),
  });
  if (bot.opened.state.creds.me) await bot.events.until("open");
  else await bot.link();
  return {};
}

async function send(jid: string, count: number): Promise<BotResult> {
  const from = performance.now();
  for (let index = 0; index < count; index++) await bot?.send(jid, `to ${jid}, ${index}`);
  return { ms: performance.now() - from };
}

/** @param isOne whether all is one set */
async function fill(bytes: number, isOne = false): Promise<BotResult> {
  opened ??= await openState(spec);
  await opened.saveCreds();
  if (isOne) {
    const all: RecordSet = {};
    for (const records of recordsOf(bytes)) {
      for (const [type, some] of Object.entries(records)) all[type] = Object.assign(all[type] ?? {}, some);
    }
    await keys().set(all);
    return {};
  }
  let batch: Promise<void>[] = [];
  for (const records of recordsOf(bytes)) {
    batch.push(keys().set(records));
    if (batch.length < FILLS_AT_ONCE) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  return {};
}

/** Opens the state as at the start of a bot, and reads the sessions of some contacts one after the other. */
async function open(): Promise<BotResult> {
  let openMs = 0;
  const cost = await measure(async () => {
    const from = performance.now();
    opened = await openState(spec);
    openMs = performance.now() - from;
    for (let index = 0; index < AN_OPEN_READS; index++) {
      const id = contactId(index);
      const found: Record<string, unknown> = { ...(await keys().get("session", [id])) };
      if (!found[id]) throw new Error(`${id} is not stored`);
    }
  });
  return { ms: openMs, readMs: cost.wallMs, longestBlockMs: cost.delayMaxMs, peakBytes: cost.peakBytes };
}

/** Does it again and again, one after the other, for some time at most. @returns the time of each, in milliseconds */
async function timed(
  { count, mostMs }: { count: number; mostMs: number },
  work: (index: number) => Promise<void>,
): Promise<BotResult> {
  const each: number[] = [];
  const begun = performance.now();
  for (let index = 0; index < count && performance.now() - begun < mostMs; index++) {
    const from = performance.now();
    await work(index);
    each.push(performance.now() - from);
  }
  return { each };
}
