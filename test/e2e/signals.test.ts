import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { inTime, SIGNAL_LIMIT_MS } from "../support/in-time.ts";
import { onlyLong } from "../support/length.ts";
import { remoteBot, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

describe("signals", () => {
  // Another one than a bot with LocalAuth gets (local-auth.test.ts): all three take the same way.
  it.each<NodeJS.Signals>(["SIGTERM", ...onlyLong<NodeJS.Signals>("SIGINT", "SIGHUP")])(
    "%s saves writes of a second before",
    async (signal) => {
      const { folder, sequence, hash } = await inTime(async () => {
        const folder = rig.folder();
        const { dataPath } = await savedSession(rig, folder);
        const bot = rig.start(remoteBot(folder, dataPath));
        await bot.until("ready");
        const written = await bot.phone.write("the last words");
        await delay(1_000);
        const signalled = Date.now();
        bot.signal(signal);
        const { at, values } = await bot.until("exit");
        // In the end the signal has its usual effect.
        expect(values).toEqual([null, signal]);
        return { folder, ...written, inTime: at - signalled < SIGNAL_LIMIT_MS };
      });
      const second = rig.start(remoteBot(folder, rig.folder()));
      await second.until("ready");
      expect(second.count("qr")).toBe(0);
      expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
      expect(await second.phone.record(sequence)).toBe(hash);
    },
  );
});
