// Draws plots as wide as their place is, so that their letters have the size of all others.
import { el, svg } from "./dom.js";

const HEIGHT = 168;
const TOP = 10;
const BOTTOM = 26;
const LEFT = 58;
const RIGHT = 14;
/** The width of a label of the axis of times, with the space around it. */
const LABEL_WIDTH = 96;

/** A line that stays at a value until the next one. @param points in the order of time */
export function steps(points, { y: words, label }) {
  return drawing(label, (width) => {
    const [first, last] = [points[0].x, points.at(-1).x];
    const span = Math.max(1, last - first);
    const x = (value) => LEFT + ((value - first) / span) * (width - LEFT - RIGHT);
    const scale = scaleOf(Math.max(...points.map((point) => point.y)), 1_000);
    const line = points.map(
      (point, at) => `${at === 0 ? "M" : "H"}${round(x(point.x))}${at === 0 ? " " : "V"}${round(scale.y(point.y))}`,
    );
    const area = `${line.join("")}V${HEIGHT - BOTTOM}H${LEFT}z`;
    return [
      grid(width, scale.ticks, scale.y, words),
      svg("path", { d: area, class: "area" }),
      svg("path", { d: line.join(""), class: "curve" }),
      points.map((point) =>
        svg(
          "circle",
          { cx: round(x(point.x)), cy: round(scale.y(point.y)), r: 3.5, class: "point" },
          svg("title", {}, point.title),
        ),
      ),
      timeLabels(width, first, last, x),
    ];
  });
}

/** One bar for each day. */
export function bars(days, { label }) {
  return drawing(label, (width) => {
    const scale = scaleOf(Math.max(4, ...days.map(({ y }) => y)), 1);
    const slot = (width - LEFT - RIGHT) / days.length;
    const every = Math.ceil(LABEL_WIDTH / slot / 1.5);
    return [
      grid(width, scale.ticks, scale.y, String),
      days.map(({ y, title }, at) => {
        const top = scale.y(y);
        const size = { x: round(LEFT + at * slot + slot * 0.15), width: round(slot * 0.7), y: round(top) };
        return svg(
          "rect",
          { ...size, height: round(HEIGHT - BOTTOM - top), rx: 1.5, class: "bar" },
          svg("title", {}, title),
        );
      }),
      days.map(({ label: day }, at) =>
        (days.length - 1 - at) % every === 0
          ? svg(
              "text",
              {
                x: round(LEFT + (at + 0.5) * slot),
                y: HEIGHT - 8,
                "text-anchor": at === days.length - 1 && slot < 50 ? "end" : "middle",
              },
              day,
            )
          : null,
      ),
    ];
  });
}

function drawing(label, draw) {
  const frame = svg("svg", { role: "img", "aria-label": label, height: HEIGHT });
  const place = el("div", { class: "drawing" }, frame);
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.floor(place.clientWidth);
    if (width === drawn || width < LEFT + RIGHT + 40) return;
    drawn = width;
    frame.setAttribute("width", width);
    frame.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    frame.replaceChildren(...draw(width).flat().filter(Boolean));
  }).observe(place);
  return place;
}

function grid(width, ticks, y, words) {
  return ticks.flatMap((tick) => [
    svg("path", { d: `M${LEFT} ${round(y(tick))}H${width - RIGHT}`, class: tick === 0 ? "axis" : "grid" }),
    svg("text", { x: LEFT - 8, y: round(y(tick)) + 4, "text-anchor": "end" }, words(tick)),
  ]);
}

/** An axis from 0 to a round number that is not below `most`. @param least the least distance of two marks */
function scaleOf(most, least) {
  const rough = Math.max(least, most / 3);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10]
    .map((factor) => factor * power)
    .find((one) => one >= rough && (least !== 1 || Number.isInteger(one)));
  const count = Math.max(1, Math.ceil(most / step));
  const y = (value) => HEIGHT - BOTTOM - (value / (count * step)) * (HEIGHT - TOP - BOTTOM);
  return { y, ticks: Array.from({ length: count + 1 }, (_, at) => at * step) };
}

function timeLabels(width, first, last, x) {
  const count = Math.max(2, Math.min(6, Math.floor((width - LEFT - RIGHT) / LABEL_WIDTH)));
  const isDays = last - first > 2 * 86_400_000;
  const options = isDays ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  const format = new Intl.DateTimeFormat(undefined, options);
  return Array.from({ length: count }, (_, at) => {
    const time = first + ((last - first) * at) / (count - 1);
    const anchor = at === 0 ? "start" : at === count - 1 ? "end" : "middle";
    return svg("text", { x: round(x(time)), y: HEIGHT - 8, "text-anchor": anchor }, format.format(time));
  });
}

function round(value) {
  return Math.round(value * 10) / 10;
}
