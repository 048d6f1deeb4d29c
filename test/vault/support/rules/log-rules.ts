import type { Rule } from "./rule.ts";

/** The rules of the log. */
export const LOG_RULES: readonly Rule[] = [
  {
    name: "1",
    says: "an entry is created exclusively",
    without: [{ file: "log.ts", from: "{ ifAbsent: true, signal,", to: "{ signal," }],
    failing: {
      file: "scenarios/schedule.test.ts",
      name: "lose nothing that was committed: wild",
      says: /was put without ifAbsent/,
      seeds: "1-20",
    },
  },
];
