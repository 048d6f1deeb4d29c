import { setImmediate } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import type { ProfileSaver } from "../../../lib/auth/saving/profile-saver.ts";
import { SaveSchedule } from "../../../lib/auth/saving/save-schedule.ts";

it("runs one loop after several starts, and ends it when it is stopped", async () => {
  let asked = 0;
  let ended = 0;
  // A loop asks this first, and waits for the answer: it is asked as often as there are loops.
  const nextWhenReady = async (signal: AbortSignal): Promise<undefined> => {
    asked++;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))).finally(
      () => ended++,
    );
    return undefined;
  };
  const saver = { nextWhenReady, idle: async () => {} } as unknown as ProfileSaver;
  const schedule = new SaveSchedule({
    saver,
    session: "RemoteAuth",
    intervalMs: 60_000,
    finalSaveTimeoutMs: 8_000,
    onError: (error) => expect.fail(String(error)),
  });
  for (let n = 0; n < 3; n++) schedule.start();
  await vi.waitUntil(() => asked > 0, { timeout: 240_000 });
  // Those of loops that were started at the same moment come in the same turn.
  await setImmediate();
  expect(asked).toBe(1);
  await schedule.stop();
  expect(ended).toBe(1);
});
