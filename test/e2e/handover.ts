import { expect } from "vitest";
import type { SaveReport } from "../../lib/store.ts";
import { writesSoon } from "../support/chromium.ts";
import type { Written } from "../support/phone.ts";
import type { Rig } from "../support/rig.ts";
import type { Bot, BotSpec } from "../support/start-bot.ts";
import type { StoreSpec } from "../support/stores.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

/** Longer than any test waits. */
const LONG_MS = 600_000;
/** Of leases that a test waits for; nobody waits for them while their holder is well, and may only be slow. */
export const TTL_MS = 3_000;
/** Of leases that end by a release or by the end of their process. */
export const ENDLESS_MS: number = 24 * 60 * 60 * 1000;

/** A bot on a machine of its own: another profile, and the same store. Its last save may take as long as it wants. */
export function botOn(rig: Rig, store: StoreSpec, { options, ...more }: Partial<BotSpec> = {}): BotSpec {
  const patient = { finalSaveTimeoutMs: 120_000, leaseWaitMs: LONG_MS, ...options };
  return { strategy: "remote", store, dataPath: rig.folder(), options: patient, args: writesSoon, ...more };
}

/** Links the session of a bot that was started on an empty store, until it is stored. */
export async function link(bot: Bot): Promise<void> {
  await bot.until("qr");
  await bot.phone.pair();
  await bot.until("ready");
  await bot.phone.fill(300_000);
  await bot.until("remote_session_saved");
}

/**
 * Ends a bot in order while another one waits for its session: the one that waits restores the last save, which has the
 * last record of the page, and is ready without a QR.
 * @param from is ready
 * @param to was started on the same store
 * @param end begins the end of `from`, whose process exits by itself
 */
export async function handOver(from: Bot, to: Bot, end: () => void): Promise<void> {
  await untilWaiting(to);
  const { sequence, hash } = await from.phone.write();
  end();
  await from.until("exit");
  const saved = from.events.findLast(({ name }) => name === "remote_session_saved");
  expect(from.count("remote_session_lost")).toBe(0);
  // A browser that gets the signal as well may be gone first.
  for (const { name, values } of from.events) {
    if (name === "remote_session_error") expect(values[0]).toMatchObject({ message: expect.stringMatching(/is gone/) });
  }
  await expectRestored(to, saved?.values[0] as SaveReport);
  expect(await to.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence, lastHash: hash });
}

/** Waits until the bot has found the session taken, and says that it waits. */
export async function untilWaiting(bot: Bot): Promise<void> {
  await expect.poll(() => bot.stderr(), { timeout: 180_000 }).toContain("Waiting up to");
  expect(bot.count("browser_started")).toBe(0);
}

/** Waits until the bot is ready: without a QR, from exactly this generation. */
export async function expectRestored(bot: Bot, { generation }: Pick<SaveReport, "generation">): Promise<void> {
  const { name } = await Promise.race([bot.until("ready"), bot.until("qr")]);
  expect(name).toBe("ready");
  expect(bot.count("qr")).toBe(0);
  expect((await bot.until("remote_session_restored")).values[0]).toMatchObject({ generation, skipped: [] });
}

/** Writes a record and saves it. */
export async function saveRecord(bot: Bot): Promise<Written & SaveReport> {
  const written = await bot.phone.write();
  return { ...written, ...(await bot.backup()) };
}

/** The one that has lost the session says so once, closes its browser, and shows no QR. */
export async function expectLost(bot: Bot, shownBefore = 0): Promise<void> {
  expect((await bot.until("remote_session_lost")).values[0]).toMatchObject({ code: "LEASE_LOST" });
  await bot.until("browser_gone");
  expect(bot.count("remote_session_lost")).toBe(1);
  expect(bot.count("qr")).toBe(shownBefore);
}

/** The generations that the bot has saved, as far as it knows. */
export function savedBy(bot: Bot): number[] {
  return bot.events.flatMap(({ name, values }) => {
    return name === "remote_session_saved" ? [(values[0] as SaveReport).generation] : [];
  });
}

/** Waits until the bot is ready: without a QR, from the newest generation, which has this record. */
export async function expectTaken(bot: Bot, from: Bot, { sequence, hash }: Written): Promise<number> {
  const { name } = await Promise.race([bot.until("ready"), bot.until("qr")]);
  expect(name).toBe("ready");
  expect(bot.count("qr")).toBe(0);
  expect(await bot.phone.verdict()).toMatchObject(wholeVerdict);
  expect(await bot.phone.record(sequence)).toBe(hash);
  const { generation } = (await bot.until("remote_session_restored")).values[0] as { generation: number };
  expect(generation).toBeGreaterThanOrEqual(Math.max(...savedBy(from)));
  return generation;
}
