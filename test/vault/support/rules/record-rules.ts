import type { Rule } from "./rule.ts";

const WILD = { file: "scenarios/schedule.test.ts", name: "lose no records that were stored: wild" };
const FOLDS = "records/scenarios/folds.test.ts";

/** The rules of records: what a fold may hold, what goes with it, and what a reader relies on. */
export const RECORD_RULES: readonly Rule[] = [
  {
    name: "R1",
    says: "nothing that a fold replaces is deleted before the entry with the fold is in the log",
    without: [
      {
        file: "records/folding.ts",
        from: "    await this.#ride.take(",
        to: "    await deleteEntries(this.#lease, this.#loose.list.map(({ n }) => n), signal);\n    await this.#ride.take(",
      },
      { file: "records/folding.ts", from: "import { pruneOverdue }", to: "import { deleteEntries, pruneOverdue }" },
    ],
    failing: { ...WILD, says: /generation \d+ lost/, seeds: "1-20" },
  },
  {
    name: "R2",
    says: "a fold counts only onto the segments that it began with",
    without: [{ file: "records/folding.ts", from: "if (this.#segments !== segments) {", to: "if (false) {" }],
    failing: {
      file: FOLDS,
      name: "a fold that arrives late, with a set, while another one is made",
      says: /log entry \d+, which they need, is missing/,
    },
  },
  {
    name: "R3",
    says: "a fold holds only what is in the log",
    without: [
      {
        file: "records/records-writer.ts",
        from: "  write(): void {\n",
        to: '  write(): void {\n    const set = this.queue.waiting.at(-1);\n    if (set && "changes" in set) this.#table.apply(this.#lease.writer.state.n, set.changes);\n',
      },
    ],
    failing: { file: FOLDS, name: "a fold holds no set that is not in the log", says: /to not have property "large"/ },
  },
  {
    name: "R4",
    says: "no prune runs while the parts of a fold are in no entry",
    without: [
      {
        file: "records/folding.ts",
        from: "await this.#lease.run(async () => {",
        to: "await ((work: () => Promise<void>, _: unknown) => work())(async () => {",
      },
    ],
    failing: { ...WILD, says: /(entry|generation) \d+ (has )?lost \S+\/chunks\//, seeds: "1-40" },
  },
  {
    name: "R5",
    says: "a reader that misses a part begins anew when there is a newer entry",
    without: [
      {
        file: "records/read-records.ts",
        from: "if ((await log.newest(signal))?.id === state.id) throw error;",
        to: "throw error;",
      },
    ],
    failing: {
      file: "records/scenarios/overtaken.test.ts",
      name: "a reader begins anew when the holder has put together",
      says: /log entry \d+, which they need, is missing/,
    },
  },
  {
    name: "R6",
    says: "a set that has arrived late is not said again",
    without: [{ file: "session-writer.ts", from: "    this.listener?.appended(taken);\n", to: "" }],
    failing: {
      file: FOLDS,
      name: "a set whose entry has arrived late is not said again",
      says: /to have a length of 3 but got 4/,
    },
  },
  {
    name: "R7",
    says: "a deletion that can be taken back puts all records together",
    without: [
      {
        file: "deletion.ts",
        from: "const whole = last === undefined ? undefined : await wholeRecords(signal);",
        to: "const whole = undefined as WholeRecords | undefined;",
      },
    ],
    failing: { ...WILD, says: /dropped \d+, which was deleted and is kept/, seeds: "1-10" },
  },
];
