import { describe, it } from "vitest";
import { onlyLong, times } from "../support/length.ts";
import { processTree } from "../support/process-tree.ts";
import { savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { type Service, startMongo, startPostgres, startRedis, startS3, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import type { Bot, BotSpec } from "../support/start-bot.ts";
import type { StoreSpec } from "../support/stores.ts";
import { botOn, handOver, link } from "./handover.ts";

const rig = useRig();

/** A way to end in order. */
interface Way {
  readonly spec?: Partial<BotSpec>;
  end(bot: Bot): void;
}

const ways: readonly Way[] = [
  // The strategy's own handler.
  { end: (bot) => bot.signal("SIGTERM") },
  // A handler of the user that destroys the client.
  {
    spec: { destroysOnSignal: true, options: { closeOnSignals: false } },
    end: (bot) => bot.signal("SIGTERM"),
  },
  // As systemd does by default, and a terminal with SIGINT: the browser gets the signal too.
  {
    end: (bot) => {
      for (const pid of processTree(bot.pid)) signalQuietly(pid);
    },
  },
];

function signalQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // The process has ended.
  }
}

/** Hands the session on from process to process, each with a browser of its own. @param first was started for way 0 */
async function handOverAgain(first: Bot, store: StoreSpec, count: number): Promise<void> {
  let bot = first;
  for (let n = 0; n < count; n++) {
    const [way, nextWay] = [ways[n % ways.length], ways[(n + 1) % ways.length]];
    const next = rig.start(botOn(rig, store, nextWay?.spec));
    await handOver(bot, next, () => way?.end(bot));
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

// Where a process waits for another one, all stores ask the same: the lease contract shows it on each. In `npm test` a
// session on Redis is handed on by handover-cut-off.test.ts.
const servers = onlyLong<[kind: StoreSpec["kind"], start: () => Promise<Service>]>(
  ["redis", startRedis],
  ["s3", startS3],
  ["mongo", startMongo],
  ["postgres", startPostgres],
);
for (const [kind, start] of servers) {
  await suiteWith(`two processes with one session in the store ${kind}`, shared(start), ({ env }) => {
    it("hand it over without a QR when SIGTERM ends the one that has it", async () => {
      const store: StoreSpec = { kind, env, name: `handover${unique()}` };
      const bot = rig.start(botOn(rig, store));
      await link(bot);
      await handOverAgain(bot, store, 10);
    });
  });
}
