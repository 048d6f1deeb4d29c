// The plots of one session: how large it was, and how often it was taken. Each has one axis, and a sentence for who cannot see it.
import { el } from "./dom.js";
import { bars, steps } from "./plot.js";
import { countWords, sizeWords, timeWords } from "./words.js";

const DAY_MS = 86_400_000;
/** A log keeps its starts for 30 days; fewer days are shown while it is younger. */
const MOST_DAYS = 30;
const LEAST_DAYS = 7;
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function plots({ kept, history, isHistoryCut }) {
  const drawn = [sizePlot(kept), startsPlot(history, isHistoryCut)].filter(Boolean);
  return drawn.length > 0 ? [el("div", { class: "plots" }, drawn)] : [];
}

function sizePlot(generations) {
  if (generations.length < 2) return undefined;
  const points = [...generations].reverse().map(({ at, bytes, generation }) => ({
    x: Date.parse(at),
    y: bytes,
    title: `Generation ${generation}: ${sizeWords(bytes)}, ${timeWords(at)}`,
  }));
  const sizes = points.map(({ y }) => y);
  const [first, last] = [points[0], points.at(-1)];
  const words =
    `${countWords(points.length, "generation")} from ${timeWords(first.x)} to ${timeWords(last.x)}: ` +
    `the smallest has ${sizeWords(Math.min(...sizes))}, the largest ${sizeWords(Math.max(...sizes))}, ` +
    `the newest ${sizeWords(last.y)}. The table of generations has each.`;
  return figure(
    "Size of what is kept",
    words,
    steps(points, { y: (size) => sizeWords(size).replace(".0 ", " "), label: words }),
  );
}

function startsPlot(history, isHistoryCut) {
  const starts = history.filter(({ what, at }) => what === "hold" && at).map(({ at }) => Date.parse(at));
  if (starts.length === 0) return undefined;
  const today = dayOf(Date.now());
  const since = isHistoryCut ? Math.min(...starts) : Math.min(...starts, today - (LEAST_DAYS - 1) * DAY_MS);
  const count = Math.min(MOST_DAYS, Math.round((today - dayOf(since)) / DAY_MS) + 1);
  const days = Array.from({ length: count }, (_, at) => {
    const from = addDays(today, at - count + 1);
    const many = starts.filter((start) => start >= from && start < addDays(from, 1)).length;
    return { y: many, label: DAY.format(from), title: `${DAY.format(from)}: ${countWords(many, "start")}` };
  });
  const most = days.reduce((a, b) => (b.y > a.y ? b : a));
  const all = days.reduce((sum, { y }) => sum + y, 0);
  const words =
    `${countWords(all, "start")} in ${countWords(count, "day")}; the most on ${most.label}: ${most.y}. ` +
    "Many in one day are a bot that starts over and over. The log has each.";
  return figure("Starts per day", words, bars(days, { label: words }));
}

function figure(title, words, drawing) {
  return el(
    "figure",
    { class: "plot" },
    el("figcaption", {}, el("h2", {}, title)),
    drawing,
    el("p", { class: "help" }, words),
  );
}

function dayOf(ms) {
  return new Date(ms).setHours(0, 0, 0, 0);
}

/** Days of which the clock is changed have 23 or 25 hours. */
function addDays(day, days) {
  const date = new Date(day);
  return date.setDate(date.getDate() + days);
}
