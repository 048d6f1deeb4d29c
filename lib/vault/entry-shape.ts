import type { Entry } from "./entry.ts";
import { LAST_TIME } from "./kept-until.ts";

/** Says whether a value of JSON is what an entry has in that place. */
type Check = (value: unknown) => boolean;

/** More entries than are ever between two folds: of a number that lies, a list as long would fill the memory. */
const MOST_SINCE_FOLD = 1_000_000;
/** What may be a part of a key in the store. */
const IN_KEYS = /^[-\w]+$/;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const time: Check = (value) => typeof value === "number" && Math.abs(value) <= LAST_TIME;
/** Whoever keeps data "for ever" may have said so with a time after the last one. */
const end: Check = Number.isFinite;
/** JSON has `null` in the place of a time without an end. */
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
/** Fields of later versions may be beside those that are known. */
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(fields).every(([name, check]) =>
      check(Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined),
    );

const name = { n: count, id: text };
const until = { until: end, untilUptimeMs: optional(end) };
const chunk = { id: text, bytes: count, alt: count };

const generation = shape({
  ...name,
  at: time,
  bytes: count,
  files: count,
  pairing: optional(text),
  proven: optional(flag),
  rejected: optional(flag),
  rejectedIn: optional(count),
  suspect: optional(flag),
  key: optional(text),
  stored: optional(shape(name)),
  until: optional(end),
  untilUptimeMs: optional(end),
  uptimeMs: optional(time),
});

const entry = shape({
  ...name,
  epoch: count,
  kind: text,
  by: text,
  at: time,
  uptimeMs: optional(time),
  agreed: optional(shape({ at: time, uptimeMs: time })),
  content: count,
  live: listOf(generation),
  salt: text,
  since: optional(count),
  earlier: optional(shape(until)),
  deleted: optional(shape({ ...until, at: time })),
  lease: optional(
    shape({
      hold: (value) => typeof value === "string" && IN_KEYS.test(value),
      since: time,
      ttlMs: (value) => time(value) && (value as number) > 0,
      host: text,
      pid: count,
      startedAt: optional(text),
      boot: optional(text),
      pidNamespace: optional(text),
    }),
  ),
  records: optional(
    shape({ through: count, last: optional(shape(name)), lasting: listOf(count), tails: listOf(shape(name)) }),
  ),
  manifest: optional(shape({ profile: shape({}) })),
  manifestChunks: optional(listOf(shape(chunk))),
  marked: optional(count),
  prev: optional(shape(name)),
  tailChunks: optional(listOf(shape(chunk))),
});

/**
 * Whether a value of JSON has what each entry has, in the form that code relies on. A checksum finds accidents alone: whoever
 * can write to the store can write an entry with anything in it.
 */
export function isEntryShape(value: unknown): value is Entry & { readonly session?: string } {
  if (!entry(value)) return false;
  const { n, records } = value as { n: number; records?: { through: number } | null };
  return !records || n - records.through <= MOST_SINCE_FOLD;
}

/** Whether it is the form of the manifest of {@link packManifest}, but for its lists. */
export const isManifestShape: Check = shape({
  profile: shape({ browserVersion: optional(text), indexedDb: optional(text), localStorage: optional(text) }),
  live: optional(flag),
  takenAt: optional(time),
  spreadMs: optional(time),
  verified: optional(time),
});
