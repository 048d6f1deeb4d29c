import { describe, it } from "vitest";
import { times } from "../support/length.ts";
import { savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { type Service, startMongo, startRedis, startS3, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import type { Bot, BotSpec } from "../support/start-bot.ts";
import type { StoreSpec } from "../support/stores.ts";
import { botOn, handOver, link } from "./handover.ts";

const rig = useRig();

/** Two ways to end in order: the strategy's handler of SIGTERM, and one of the user that destroys the client. */
const ways: readonly Partial<BotSpec>[] = [{}, { destroysOnSignal: true, options: { closeOnSignals: false } }];

/** Hands the session on from process to process, each with a browser of its own. */
async function handOverAgain(first: Bot, store: StoreSpec, count: number): Promise<void> {
  let bot = first;
  for (let n = 1; n <= count; n++) {
    const next = rig.start(botOn(rig, store, ways[n % ways.length]));
    await handOver(bot, next, () => bot.signal("SIGTERM"));
    bot = next;
  }
  await bot.vanish();
}

describe("two processes with one session in a directory", () => {
  it("hand it over without a QR, again and again, when SIGTERM ends the one that has it", async () => {
    const directory = rig.folder();
    await savedSession(rig, directory);
    const store: StoreSpec = { kind: "file", directory };
    const bot = rig.start(botOn(rig, store));
    await bot.until("ready");
    await handOverAgain(bot, store, times(3, 10));
  });
});

const servers: readonly [kind: StoreSpec["kind"], start: () => Promise<Service>][] = [
  ["redis", startRedis],
  ["s3", startS3],
  ["mongo", startMongo],
];
for (const [kind, start] of servers) {
  await suiteWith(`two processes with one session in the store ${kind}`, shared(start), ({ env }) => {
    it("hand it over without a QR when SIGTERM ends the one that has it", async () => {
      const store: StoreSpec = { kind, env, name: `handover${unique()}` };
      const bot = rig.start(botOn(rig, store));
      await link(bot);
      await handOverAgain(bot, store, times(1, 10));
    });
  });
}
