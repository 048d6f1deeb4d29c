import { localStorageOnDisk } from "./local-storage.ts";
import type { Bot } from "./start-bot.ts";

/** Links a bot with the shipped `RemoteAuth`, writes a record and stores all of it. @returns the number of the record */
export async function linkAndStore(bot: Bot, dataPath: string): Promise<number> {
  await bot.until("qr");
  await bot.phone.pair();
  await bot.until("ready");
  const { sequence } = await bot.phone.write();
  await localStorageOnDisk(dataPath);
  await bot.call("storeRemoteSession");
  return sequence;
}
