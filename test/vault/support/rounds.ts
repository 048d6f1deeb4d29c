import { type Files, noise, profileFiles } from "../../contract/profile.ts";

/** The profile of a round: most of it as before, some of it new, and some that comes back. */
export function roundFiles(round: number): Files {
  return profileFiles(`round ${round}`, {
    "Default/round": Buffer.from(String(round)),
    "Default/always.ldb": noise(700_000),
    "Default/changes.ldb": noise(600_000, round + 2),
    "Default/returns.ldb": noise(550_000, (round % 3) + 10),
  });
}
