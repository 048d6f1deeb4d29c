import { describe, expect, it } from "vitest";
import { sha256 } from "../../../lib/vault/hash.ts";
import { filesIn } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { isLong } from "../../support/length.ts";
import { runDays, SAVES_PER_DAY, SimulatedBot, session } from "./year-run.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** In `npm test` two weeks with a save every half hour; else the year with a save every five minutes. */
const LENGTH = isLong ? { days: 365, savesPerDay: SAVES_PER_DAY } : { days: 14, savesPerDay: 48 };

const folder = useFolder();

describe("what is stored of a bot that saves for a year", () => {
  it("is bounded by the size of its profile, whatever the number of saves", async () => {
    const bot = new SimulatedBot(512 * KIB);
    const days = [];
    for await (const day of runDays(bot, LENGTH)) {
      days.push(day);
      const { profileBytes, bytes, objects, entries, entryBytes } = day;
      // The kept generations of six different times at most, each with half a profile of unused pieces, and a batch.
      expect(bytes, `day ${day.day}`).toBeLessThan(6 * 1.5 * profileBytes + MIB);
      expect(objects, `day ${day.day}`).toBeLessThan(300);
      // One hold a day for 30 days, the entries for people, the kept generations, and a batch.
      expect(entries, `day ${day.day}`).toBeLessThan(90);
      expect(entryBytes, `day ${day.day}`).toBeLessThan(16 * KIB);
    }
    expect(days).toHaveLength(LENGTH.days);
    expect(bot.warnings).toEqual([]);
    const into = folder();
    await bot.store.restoreProfile({ session, into });
    const restored = Object.entries(await filesIn(into)).map(([path, content]) => [path, sha256(content)]);
    expect(Object.fromEntries(restored)).toEqual(await bot.profile.digests());
  });
});
