// The status of a session: a word, and a shape beside it, so that no colour is needed to tell it.
import { el, svg } from "./dom.js";

/** In the order in which a person wants to see them. */
export const STATUSES = {
  unreadable: { word: "Unreadable", tone: "bad", shape: "octagon", help: "It is there, and cannot be read." },
  interrupted: {
    word: "Interrupted",
    tone: "warning",
    shape: "triangle",
    help: "Its process has ended without giving the session back.",
  },
  old: { word: "Old", tone: "warning", shape: "clock", help: "Nothing was stored for a long time." },
  running: { word: "Running", tone: "good", shape: "play", help: "A process has it, and renews its lease." },
  stored: { word: "Stored", tone: "plain", shape: "square", help: "It is stored, and nobody runs it." },
  empty: { word: "Not saved yet", tone: "faint", shape: "ring", help: "It was taken, and nothing is stored yet." },
  deleted: { word: "Deleted", tone: "faint", shape: "cross", help: "It was deleted." },
};

const SHAPES = {
  octagon: () => [
    svg("path", { d: "M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z", fill: "currentColor" }),
    svg("path", { d: "M8 4.5v4.2M8 11v.6", class: "cut" }),
  ],
  triangle: () => [
    svg("path", { d: "M8 1.5 15.3 14.500H.7z", fill: "currentColor" }),
    svg("path", { d: "M8 6v3.600M8 11.700v.5", class: "cut" }),
  ],
  clock: () => [
    svg("circle", { cx: 8, cy: 8, r: 6.6, class: "line" }),
    svg("path", { d: "M8 4.200V8l2.6 1.8", class: "line" }),
  ],
  play: () => [
    svg("circle", { cx: 8, cy: 8, r: 7, fill: "currentColor" }),
    svg("path", { d: "M6.3 5v6l5-3z", class: "hole" }),
  ],
  square: () => [svg("rect", { x: 2.5, y: 2.5, width: 11, height: 11, rx: 2, fill: "currentColor" })],
  ring: () => [svg("circle", { cx: 8, cy: 8, r: 6, class: "line dashed" })],
  cross: () => [svg("path", { d: "M3.5 3.500l9 9M12.5 3.500l-9 9", class: "line" })],
};

/** The shape of a status. */
export function shape(status) {
  return svg("svg", { viewBox: "0 0 16 16", class: "shape", "aria-hidden": "true" }, SHAPES[STATUSES[status].shape]());
}

/** The status of a session, as a shape and a word. */
export function badge(status) {
  const { word, tone, help } = STATUSES[status];
  return el("span", { class: `badge ${tone}`, title: help }, shape(status), el("span", {}, word));
}
