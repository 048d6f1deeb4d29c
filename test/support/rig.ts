import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, vi } from "vitest";
import { findChromium } from "./chromium.ts";
import { type OpenClient, type OpenClientOptions, openClient } from "./client.ts";
import { useFolder } from "./folder.ts";
import { RUN_DIRECTORY } from "./services/service.ts";
import { type Bot, type BotSpec, startBot } from "./start-bot.ts";

/** What a test file opens and need not close: that is done after each test, whatever became of it. */
export interface Rig {
  /** A new empty folder. */
  folder(): string;
  /** A client in this process. */
  open(options: OpenClientOptions): OpenClient;
  /** A bot in another process. */
  start(spec: BotSpec): Bot;
}

let missing: string | undefined;

function chromiumMissing(): string {
  try {
    tellOnce(findChromium().how);
    return "";
  } catch (error) {
    if (process.env.CI === "true") throw error;
    console.error(`skipped: ${(error as Error).message}`);
    return (error as Error).message;
  }
}

/** One line per run, whichever of its processes is the first. */
function tellOnce(line: string): void {
  const run = process.env[RUN_DIRECTORY];
  if (!run) return;
  try {
    writeFileSync(join(run, "chromium"), line, { flag: "wx" });
    console.log(line);
  } catch {
    // Somebody else has said it.
  }
}

/** Tests that use this are skipped, with the reason, where no Chromium can be had; with `CI=true` they fail. */
export function useRig(): Rig {
  // A browser on a busy machine takes its time; the tests wait for events, not for these limits.
  vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });
  beforeAll(() => {
    missing ??= chromiumMissing();
  }, 600_000);
  beforeEach((context) => {
    if (missing) context.skip(missing);
  });
  // Removed after what follows: hooks after a test run in the opposite order.
  const folder = useFolder();
  let closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    await Promise.allSettled(closers.map((close) => close()));
    closers = [];
  });
  return {
    folder,
    open(options) {
      const client = openClient(options);
      closers.push(() => client.close());
      return client;
    },
    start(spec) {
      const bot = startBot(spec);
      closers.push(() => bot.vanish());
      return bot;
    },
  };
}
