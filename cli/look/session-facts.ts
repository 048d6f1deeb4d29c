import type { VaultError } from "../../lib/errors.ts";
import type { SessionDetails } from "../../lib/store.ts";
import type { Fact } from "../terminal/facts.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";
import { browserWords, holderWords, stateWords } from "./session-words.ts";

/** What the records of a Baileys bot tell; an error when they cannot be read. */
export type RecordsFacts =
  | { readonly records: number; readonly registered: boolean }
  | { readonly problem: VaultError };

/** What `wa-vault show` tells of a session, beside its generations. */
export function sessionFacts(
  details: SessionDetails,
  records: RecordsFacts | undefined,
  now: number = Date.now(),
): Fact[] {
  const { kind, saved, stored, profile, lease, epoch, changedAt, oldestAt, holder } = details;
  const state = stateWords(details, now);
  return [
    ["kind", kind === "records" ? "Baileys" : kind === "profile" ? "browser (whatsapp-web.js)" : undefined],
    ["state", state === "" ? undefined : state],
    ["saved", saved && `${timeWords(saved.at, now)}, generation ${saved.generation}`],
    ["restores", restoreWords(details)],
    ["linked", oldestAt && `${timeWords(oldestAt, now)}, or before`],
    ["changed", timeWords(changedAt, now)],
    ["browser", profile && (browserWords(profile) || "not known")],
    ...recordsFacts(details, records),
    ["size", sizesOf(details)],
    ["stored", `${sizeWords(stored.bytes)} in ${stored.values} values, with all generations and the log`],
    ["encrypted", saved && (saved.keyId === undefined ? "no" : `yes, with key ${saved.keyId}`)],
    ["phone", phoneWords(details)],
    ["held by", holderWords(details, now) || `nobody; the last one was ${holder ?? "not told"}`],
    [
      "lease",
      lease && `since ${lease.since.toISOString()}, until ${lease.expiresAt.toISOString()} unless it is renewed`,
    ],
    ["epoch", String(epoch)],
  ];
}

function sizesOf({ kind, saved }: SessionDetails): string | undefined {
  if (!saved) return undefined;
  return `${sizeWords(saved.bytes)} in ${saved.files} ${kind === "records" ? "records" : "files"}`;
}

function recordsFacts({ folds }: SessionDetails, records: RecordsFacts | undefined): Fact[] {
  if (!records) return [];
  const folded = folds && `${folds.segments} folded pieces, and ${folds.entriesAfter} entries after them`;
  if ("problem" in records) {
    const { code, message } = records.problem;
    return [
      ["records", `cannot be read (${code}): ${message}`],
      ["folds", folded],
    ];
  }
  return [
    ["registered", records.registered ? "yes, a phone has linked it" : "no: no phone has linked it yet"],
    ["records", String(records.records)],
    ["folds", folded],
  ];
}

/** Which generation a start gets, and which ones when that does not verify. */
function restoreWords({ kind, restores }: SessionDetails): string | undefined {
  const [first, ...others] = restores;
  if (first === undefined || kind === "records") return undefined;
  if (others.length === 0) return `generation ${first}; none in its place if it is damaged`;
  return `generation ${first}; if it is damaged ${others.join(", ")}`;
}

/** Whether all generations are of one phone. Its number is stored nowhere. */
function phoneWords({ kept }: SessionDetails): string | undefined {
  const phones = new Set(kept.flatMap(({ pairing }) => (pairing === undefined ? [] : [pairing])));
  if (phones.size === 0) return undefined;
  const untold = kept.some(({ pairing }) => pairing === undefined) ? "; some generations do not tell theirs" : "";
  return phones.size === 1
    ? `the same one in all generations${untold}`
    : `${phones.size} different ones, see the table${untold}`;
}

function timeWords(at: Date, now: number): string {
  return `${ageWords(at, now)} (${at.toISOString()})`;
}
