import { randomBytes } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import qrcode from "qrcode-terminal";
import type { RestoreReport, SaveReport } from "../lib/store.ts";
import type { SeenEvent } from "../test/support/events.ts";
import { type Bot, startBot } from "../test/support/start-bot.ts";
import type { DemoStore } from "./stores.ts";
import { count, size, type Terminal, time } from "./terminal.ts";

export interface StoryOptions {
  out: Terminal;
  /** Where the machines of the demo have their disks. */
  folder: string;
  store: DemoStore;
  /** The real WhatsApp, and a real phone. */
  live: boolean;
}

const chatBytes = 8_000_000;
const messages = ["hello", "are you there?", "the train is late", "see you at eight", "thanks!"];

/**
 * Link, save, lose the machine, come back: each step told as it happens.
 * @throws when the session did not survive; the message is the reason.
 */
export async function tell(options: StoryOptions): Promise<void> {
  const { out, folder, live } = options;
  // A server that was there before may have kept the session of an earlier demo.
  const clientId = `demo-${randomBytes(4).toString("hex")}`;
  const started: Bot[] = [];
  const start = (machine: string) => {
    const bot = startBot({
      strategy: "remote",
      store: options.store.spec,
      clientId,
      dataPath: join(folder, machine),
      live,
    });
    started.push(bot);
    out.line(`process ${bot.pid}`);
    out.line(`its profile: ${join(folder, machine)} (not there yet)`);
    return bot;
  };
  try {
    out.step("Start a bot");
    out.line(`new RemoteAuth({ clientId: "${clientId}", backupSyncIntervalMs: 60_000, store })`);
    out.line(`store = ${options.store.code}`);
    const first = start("machine-1");

    out.step("Link it");
    await link(first, options);

    out.step("Save it");
    out.line("the first save waits until Chromium has written its storage to disk …");
    const saved = (await first.until("remote_session_saved")).values[0] as SaveReport;
    told(out, saved);

    out.step(live ? "Save it again" : "Some messages arrive, save it again");
    let last = 0;
    if (!live) for (const body of messages) ({ sequence: last } = await first.phone.receive(body));
    if (!live) out.line(`${count(messages.length, "message")}, the last is number ${last} of the page's history`);
    told(out, await first.backup());

    out.step("Lose the machine");
    await lose(first, join(folder, "machine-1"), out);

    out.step("Start the bot on another machine");
    const second = start("machine-2");
    const restored = await restoredBy(second);
    out.line(
      `restored generation ${restored.generation}: ${count(restored.files, "file")}, ${size(restored.bytes)}, ` +
        `in ${time(restored.ms)}`,
    );
    await readyWithoutQr(second);
    out.line("ready, without a QR");

    if (!live) {
      out.step("Look at the restored session");
      await judge(second, last, out);
    }
    await second.close();
  } finally {
    await Promise.all(started.map((bot) => bot.vanish()));
  }
}

async function link(bot: Bot, { out, live }: StoryOptions): Promise<void> {
  if (live) return await linkLive(bot, out);
  draw(await bot.until("qr"), out);
  // Long enough to be seen.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const { wid } = await bot.phone.pair();
  await bot.until("ready");
  out.line(`scanned (by a stand-in for a phone): ready as ${wid}`);
  await bot.phone.fill(chatBytes);
  out.line(`${size(chatBytes)} of chats and pictures have arrived`);
}

/** A QR is good for some seconds only: each new one is drawn, until the phone has scanned one. */
async function linkLive(bot: Bot, out: Terminal): Promise<void> {
  const ready = bot.until("ready", 300_000);
  for (let shown = 1; ; shown++) {
    const event = await Promise.race([ready, bot.until("qr", 300_000, shown)]);
    if (event.name === "ready") return out.line("ready");
    draw(event, out);
    out.line("scan it with your phone: WhatsApp, Linked devices, Link a device");
  }
}

function draw(qr: SeenEvent, out: Terminal): void {
  qrcode.generate(String(qr.values[0]), { small: true }, (text) => out.block(text.trimEnd()));
}

function told(out: Terminal, report: SaveReport): void {
  const { generation, files, bytes, bytesSent, chunksSent, chunksReused, captureMs, ms, unchanged } = report;
  if (unchanged) {
    out.line(`nothing has changed since generation ${generation}: nothing was sent`);
    return;
  }
  out.line(`generation ${generation}: ${count(files, "file")}, ${size(bytes)}`);
  out.line(`sent ${size(bytesSent)} in ${count(chunksSent, "chunk")}; ${chunksReused} were there already`);
  out.line(`captured in ${time(captureMs)}, saved in ${time(ms)}`);
}

async function lose(bot: Bot, disk: string, out: Terminal): Promise<void> {
  const browser = bot.browserPid();
  await bot.vanish();
  out.line(`kill -9 ${bot.pid} (the bot), kill -9 ${browser} (its browser)`);
  rmSync(disk, { recursive: true, force: true, maxRetries: 5 });
  if (existsSync(disk)) throw new Error(`${disk} could not be deleted`);
  out.line(`rm -rf ${disk}`);
}

async function restoredBy(bot: Bot): Promise<RestoreReport> {
  const first = await Promise.race([bot.until("remote_session_restored"), bot.until("qr")]);
  if (first.name === "qr") throw new Error("the second machine found no session, and was asked to link");
  return first.values[0] as RestoreReport;
}

async function readyWithoutQr(bot: Bot): Promise<void> {
  const first = await Promise.race([bot.until("ready"), bot.until("qr"), bot.until("code")]);
  if (first.name !== "ready" || bot.count("qr") > 0) throw new Error("the second machine was asked to link again");
}

async function judge(bot: Bot, last: number, out: Terminal): Promise<void> {
  const verdict = await bot.phone.verdict();
  const {
    linked,
    chain,
    lastSequence = 0,
    blobs = 0,
    missingBlobs = 0,
    messages: texts = 0,
    badMessages = 0,
  } = verdict;
  out.line(`linked as ${verdict.wid}`);
  out.line(`history: ${chain}, up to number ${lastSequence}`);
  out.line(
    `${texts - badMessages} of ${count(texts, "chat text")}, ${blobs - missingBlobs} of ${count(blobs, "picture")}`,
  );
  if (!linked) throw new Error(`the page is not linked: ${verdict.reason}`);
  if (chain !== "ok") throw new Error(`the page's history is ${chain}`);
  if (lastSequence < last) throw new Error(`message ${last} was saved, but the history ends at ${lastSequence}`);
  if (missingBlobs + badMessages > 0)
    throw new Error(`${missingBlobs} pictures and ${badMessages} texts are not whole`);
}
