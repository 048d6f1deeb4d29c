import { stripVTControlCharacters } from "node:util";
import { widthOf } from "../../../cli/terminal/width.ts";

/** The lines of a text without colours. */
export function linesOf(text: string): string[] {
  return stripVTControlCharacters(text).trimEnd().split("\n");
}

/** Columns of its longest line. */
export function widest(text: string): number {
  return Math.max(...linesOf(text).map(widthOf));
}
