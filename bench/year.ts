// npx tsx bench/year.ts [saves per day [profile sizes in KiB]]: saves a simulated profile for a year of a simulated clock
// (by default every five minutes: some minutes of processor time per MiB of the profile), and draws docs/year.svg.
import { writeFileSync } from "node:fs";
import { runDays, SAVES_PER_DAY, SimulatedBot } from "../test/vault/scenarios/year-run.ts";
import { plotYear, type YearSeries } from "./plot-year.ts";

const DAYS = 365;
const KIB = 1024;
const [savesPerDay = SAVES_PER_DAY, ...given] = process.argv.slice(2).map(Number);
const sizes = given.length > 0 ? given : [512, 2048, 8192];

const series = await Promise.all(sizes.map(yearOf));
writeFileSync(new URL("../docs/year.svg", import.meta.url), plotYear(series));

async function yearOf(kib: number): Promise<YearSeries> {
  const days: YearSeries["days"] = [];
  for await (const day of runDays(new SimulatedBot(kib * KIB), { days: DAYS, savesPerDay })) {
    days.push(day);
    console.log(`${kib} KiB, day ${day.day}: ${day.bytes} bytes in ${day.objects} objects`);
  }
  return { size: kib * KIB, days };
}
