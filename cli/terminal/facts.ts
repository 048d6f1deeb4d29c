import { padTo, safeText, widthOf, wrap } from "./width.ts";

/** One thing to tell: its name, and what it is; `undefined` is left out. */
export type Fact = readonly [name: string, value: string | undefined];

/** Below this width a value stands under its name. */
const LEAST_FOR_VALUE = 24;

/** Facts as lines: names on the left, values beside them, broken between words where the terminal is narrow. */
export function facts(all: readonly Fact[], width: number): string[] {
  const told = all.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value: safeText(value) }]));
  const names = Math.max(0, ...told.map(({ name }) => widthOf(name)));
  const indent = width - names - 2 < LEAST_FOR_VALUE ? 2 : names + 2;
  return told.flatMap(({ name, value }) => {
    const [first = "", ...rest] = wrap(value, width - indent);
    const below = (line: string): string => " ".repeat(indent) + line;
    const beside = `${padTo(name, names)}  ${first}`;
    if (indent > 2) return [beside, ...rest.map(below)];
    const isShort = widthOf(name) + 2 + widthOf(value) <= width;
    return isShort ? [`${name}: ${value}`] : [`${name}:`, ...[first, ...rest].map(below)];
  });
}
