import { isLong } from "../../../support/length.ts";
import type { Form, Mode } from "./plan.ts";
import { runSchedule } from "./run.ts";
import type { Outcome } from "./world.ts";

/** One alone by `WA_VAULT_SEED=17`, several by `WA_VAULT_SEED=17-40`; what happens in it by `WA_VAULT_TRACE=1`. */
const { WA_VAULT_SEED, WA_VAULT_TRACE } = process.env;
const isTraced = WA_VAULT_TRACE === "1";

export interface Checked {
  /** What did not hold, one sentence for each seed. */
  readonly failures: string[];
  /** How often each thing happened in all schedules. */
  readonly totals: Record<string, number>;
  /** Whether certain seeds were asked for. */
  readonly areChosen: boolean;
}

/** Runs the schedules of the seeds 1 to `most`. */
export async function checkSchedules(mode: Mode, most: number, form: Form = "profile"): Promise<Checked> {
  const areChosen = WA_VAULT_SEED !== undefined;
  const [first = 1, last = first] = areChosen ? WA_VAULT_SEED.split("-").map(Number) : [1, most];
  const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const failures: string[] = [];
  const totals: Record<string, number> = {};
  for (const seed of seeds) {
    const lines: string[] = [];
    try {
      add(totals, await runSchedule(mode, seed, { form, ...(isTraced ? { trace: (line) => lines.push(line) } : {}) }));
    } catch (error) {
      failures.push(`${mode}, WA_VAULT_SEED=${seed}: ${described(error)}`);
    }
    if (isTraced) console.info(lines.join("\n"));
  }
  if (isLong || areChosen)
    console.info(`${seeds.length} schedules, ${mode}: ${JSON.stringify(totals)}; ${failures.length} broken`);
  return { failures, totals, areChosen };
}

function add(totals: Record<string, number>, { refused, ...counts }: Outcome): void {
  for (const [name, count] of [...Object.entries(counts), ...refused]) totals[name] = (totals[name] ?? 0) + count;
}

function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` (${described(error.cause)})`;
  return `${(isTraced && error.stack) || error.message}${cause}`;
}
