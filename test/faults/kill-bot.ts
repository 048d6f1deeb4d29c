import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Encryption } from "../../lib/vault/vault.ts";
import { exitOf } from "../support/child-exit.ts";
import { compiled } from "../support/compiled.ts";
import type { BlobsSpec } from "./kill-blobs.ts";

/** A bot in another process. */
export interface BotSpec {
  readonly blobs: BlobsSpec;
  readonly session: string;
  readonly encryption?: Encryption;
}

/** What the process of a bot says: what it has found, and what was stored. */
export type BotNews =
  | { readonly found: Readonly<Record<string, number>>; readonly creds: number; readonly nextPreKeyId: number }
  | { readonly sent: string; readonly count: number }
  | { readonly uploaded: number }
  | { readonly saved: number };

/** Seeds of these make kills at random moments, the same each time, as far as processes allow. */
const random = (seed: number): number => Math.abs(Math.sin(seed * 12.9898) * 43_758.5453) % 1;

/**
 * Lets bots live on one session, one after another, each in a process of its own that is killed at a random moment, and
 * looks at what the next one finds: nothing that was stored is lost, and no counter and no pre-key is used twice.
 * @returns how many messages were sent in all
 */
export async function killBots(spec: BotSpec, rounds: number): Promise<number> {
  const stored = { counts: new Map<string, number>(), creds: 0, preKey: 0 };
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    const newsBefore = 1 + Math.floor(random(round + 1) * 300);
    for (const news of await liveAndDie(spec, newsBefore)) {
      const context = `round ${round}, killed after ${newsBefore} news`;
      if ("found" in news) {
        for (const [peer, count] of Object.entries(news.found)) {
          // One more may have been stored and not be told.
          expect(count - (stored.counts.get(peer) ?? 0), `${peer}, ${context}`).toBeOneOf([0, 1]);
          stored.counts.set(peer, count);
        }
        expect(news.creds - stored.creds, context).toBeOneOf([0, 1]);
        stored.creds = news.creds;
        expect(news.nextPreKeyId - 1 - stored.preKey, context).toBeOneOf([0, 1]);
        stored.preKey = news.nextPreKeyId - 1;
      } else if ("sent" in news) {
        expect(news.count, context).toBeGreaterThan(stored.counts.get(news.sent) ?? 0);
        stored.counts.set(news.sent, news.count);
        sent++;
      } else if ("uploaded" in news) {
        expect(news.uploaded, context).toBeGreaterThan(stored.preKey);
        stored.preKey = news.uploaded;
      } else stored.creds = news.saved;
    }
  }
  return sent;
}

/** Starts a bot, and kills it once it has told so much. @returns all that it has told */
async function liveAndDie(spec: BotSpec, newsBefore: number): Promise<readonly BotNews[]> {
  const script = compiled(fileURLToPath(new URL("kill-bot-child.ts", import.meta.url)));
  const child = fork(script, [JSON.stringify(spec)], { execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const told: BotNews[] = [];
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  child.on("message", (news: BotNews) => {
    told.push(news);
    if (told.length >= newsBefore) child.kill("SIGKILL");
  });
  const [code, signal] = await exitOf(child);
  if (signal !== "SIGKILL") throw new Error(`The bot ended with ${signal ?? code}: ${stderr}`);
  return told;
}
