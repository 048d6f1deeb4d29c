// A bot as people run them, in a process of its own: `node bot.js <BotSpec as JSON>`, compiled, started and driven by
// `startBot` over the IPC channel. Unless it is told to, it does nothing about signals or crashes: that is what is tested.
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { openClient } from "./client.ts";
import type { BotReply, BotRequest, BotSpec } from "./start-bot.ts";
import { openStrategy } from "./strategies.ts";

const spec = JSON.parse(process.argv[2] ?? "{}") as BotSpec;
const { host } = spec;
if (host !== undefined) {
  os.hostname = () => host;
  syncBuiltinESMExports();
}
const authStrategy = await openStrategy(spec);

tell({ event: "starting", values: [process.version] });
const bot = openClient({
  authStrategy,
  ...(spec.version ? { version: spec.version } : {}),
  ...(spec.client ? { client: spec.client } : {}),
  puppeteer: { ...(spec.args ? { args: spec.args } : {}), ...(spec.puppeteer as object) },
  live: spec.live === true,
  onEvent: ({ name, values }) => tell({ event: name, values: values.map(plain) }),
});
bot.client.on("browser_started", (pid: number) => tell({ event: "browser_started", values: [pid] }));

const strategy = authStrategy as unknown as Record<string, () => Promise<unknown>>;
const actions: Record<string, (...values: never[]) => Promise<unknown>> = {
  ...bot.phone,
  backup: async () => await strategy.backup?.(),
  storeRemoteSession: async () => await strategy.storeRemoteSession?.(),
  destroy: async () => {
    await bot.client.destroy();
    destroyed = true;
  },
  logout: async () => await bot.client.logout(),
  initialize: async () => await bot.client.initialize(),
};

if (spec.destroysOnSignal) {
  process.once("SIGTERM", async () => {
    await bot.client.destroy();
    process.exit(0);
  });
}

process.on("message", async ({ id, action, values }: BotRequest) => {
  try {
    const result = await actions[action]?.(...(values as never[]));
    tell({ id, result: plain(result) });
  } catch (error) {
    tell({ id, error: plain(error) });
  }
});

// The process that started this one has ended, or a destroyed bot was released: leave no process.
let destroyed = false;
process.once("disconnect", () => {
  if (!destroyed) process.exit(1);
});

function tell(reply: BotReply): void {
  if (process.connected) process.send?.(reply, () => {});
}

/** What of a value travels; an error as its name, code and message. */
function plain(value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message } = value;
    return { name, message, code: (value as { code?: unknown }).code };
  }
  try {
    return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  } catch {
    return String(value);
  }
}
