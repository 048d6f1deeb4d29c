import type { GenerationInfo, ProfileFacts, SessionFacts, SessionSummary } from "../../lib/store.ts";
import type { Meaning } from "../terminal/output.ts";
import { ageWords, durationWords, leftWords } from "../terminal/words.ts";

/** What a session consists of. */
export function kindWords(kind: SessionSummary["kind"]): string {
  return kind === "records" ? "Baileys" : kind === "profile" ? "browser" : "";
}

/** Who has a session, and for how long; "" when nobody has it. */
export function holderWords(
  { lease, leaseProblem }: Pick<SessionFacts, "lease" | "leaseProblem">,
  now: number,
): string {
  if (leaseProblem) return `cannot be read (${leaseProblem.code})`;
  if (!lease) return "";
  const { owner, since, expiresAt } = lease;
  // Its process has ended without saying so, or does not reach the store.
  if (expiresAt.getTime() < now) return `${owner}, silent for ${durationWords(now - expiresAt.getTime())}`;
  return `${owner}, for ${durationWords(Math.max(0, now - since.getTime()))}`;
}

/** The browser that wrote a profile, and the forms of its storage. */
export function browserWords({ browserVersion, indexedDb, localStorage }: ProfileFacts): string {
  const version = browserVersion === undefined ? "" : `Chromium ${browserVersion}`;
  const forms = [...new Set([indexedDb, localStorage])].filter((form) => form !== undefined);
  const names = forms.map((form) => (form === "sqlite" ? "SQLite" : "LevelDB")).join(" and ");
  return [version, names].filter((text) => text !== "").join(", ");
}

/** What is special about a session: deleted, unreadable, never saved; "" when nothing is. */
export function stateWords(one: SessionSummary, now: number): string {
  if (one.problem) return `cannot be read (${one.problem.code})`;
  if (!one.deleted) return one.saved ? markWords(one.saved).join(", ") : "nothing saved";
  if (!one.saved) return "deleted for good";
  const left = one.deleted.until.getTime() - now;
  const back = left > 0 ? `can be undeleted for ${leftWords(left)}` : "about to be removed";
  return `deleted ${ageWords(one.deleted.at, now)}, ${back}`;
}

/** How a row is coloured. */
export function stateMeaning(one: SessionSummary): Meaning | undefined {
  if (one.problem) return "bad";
  if (one.deleted || !one.saved) return "faint";
  return one.saved.suspect || one.saved.rejected ? "warning" : undefined;
}

/** What a generation is marked with that a person should know. */
export function markWords({ rejected, suspect, beforeDeletion }: GenerationInfo): string[] {
  return [
    ...(rejected ? ["rejected by WhatsApp"] : []),
    ...(suspect ? ["did not verify when it was saved"] : []),
    ...(beforeDeletion ? ["of an earlier link"] : []),
  ];
}

/** Whether two generations are of two phones for certain. */
export function isOfOtherPhone(one: GenerationInfo, other: GenerationInfo): boolean {
  return one.pairing !== undefined && other.pairing !== undefined && one.pairing !== other.pairing;
}
