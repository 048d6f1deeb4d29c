import { expect } from "vitest";
import type { Bot } from "./start-bot.ts";
import { wholeVerdict } from "./whole-verdict.ts";

/**
 * The life of a session: a bot links it, saves it live and loses its machine; a bot on another machine is ready with all
 * of it, without a QR.
 * @param start starts a bot on a new machine
 * @returns both bots: the first one is gone, the second one is ready
 */
export async function liveAndComeBack(start: () => Bot): Promise<[gone: Bot, back: Bot]> {
  const first = start();
  await first.until("qr");
  await first.phone.pair();
  await first.until("ready");
  await first.phone.fill(1_000_000);
  await first.until("remote_session_saved");
  const { sequence, hash } = await first.phone.write();
  await first.backup();
  await first.vanish();

  const second = start();
  await second.until("ready");
  expect(second.count("qr")).toBe(0);
  expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence, lastHash: hash });
  return [first, second];
}
