import { axisTo } from "../axis.ts";
import { type Axis, draw, type Panel } from "../chart.ts";
import type { DayFigures } from "./month.ts";

const FIGURES: readonly { title: string; unit: string; of: (day: DayFigures) => number }[] = [
  { title: "Stored", unit: "MB", of: ({ storedBytes }) => storedBytes / 1e6 },
  { title: "Memory of the open state", unit: "MB", of: ({ memoryBytes }) => memoryBytes / 1e6 },
  { title: "Requests of an open", unit: "requests", of: ({ openRequests }) => openRequests },
];

/** A drawing in SVG: a month of a busy bot. */
export function plotMonth(days: readonly DayFigures[]): string {
  const last = days.at(-1)?.day ?? 1;
  const x: Axis = {
    title: "days",
    least: 0,
    most: last,
    ticks: [0, last / 3, (2 * last) / 3, last],
    show: (day) => `${Math.round(day)}`,
  };
  const panels = FIGURES.map(({ title, unit, of }): Panel => {
    // Of a day without a figure none is drawn.
    const points = days.filter((day) => of(day) > 0).map((day) => [day.day, of(day)] as const);
    return { title, x, y: axisTo(Math.max(...days.map(of)), unit), lines: [{ name: "", color: "#2f7ed8", points }] };
  });
  return draw("A month of a busy Baileys bot", panels);
}
