// Sizes, times and names as people read them.

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const STEPS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** A size in bytes: `8.2 MB`. Units are powers of 1000. */
export function sizeWords(bytes) {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A duration in milliseconds: `5 min`. */
export function durationWords(ms) {
  const [unitMs, unit] = STEPS.find(([least]) => ms >= least) ?? STEPS.at(-1);
  return `${Math.max(0, Math.floor(ms / unitMs))} ${unit}`;
}

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const SHORT_TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** A time with its day. */
export function timeWords(at) {
  return TIME.format(new Date(at));
}

/** The time of day. */
export function clockWords(at) {
  return SHORT_TIME.format(new Date(at));
}

/** How long ago a time is; a minute of difference between clocks is none. */
export function agoWords(at, now = Date.now()) {
  const ms = now - Date.parse(at);
  if (ms < -60_000) return `in ${durationWords(-ms)}`;
  return ms < 5_000 ? "just now" : `${durationWords(ms)} ago`;
}

/** `1 session`, `2 sessions`. */
export function countWords(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** What a session is of. */
export function kindWords(kind) {
  return kind === "records" ? "Baileys" : kind === "profile" ? "Browser" : "";
}

/** What a bot calls the session that the store has under this name. */
export function botName(session) {
  return session.replace(/^(RemoteAuth|Baileys)-/, "");
}
