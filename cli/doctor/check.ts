import type { VaultErrorCode } from "../../lib/errors.ts";
import type { Output } from "../terminal/output.ts";
import { padTo, safeText, wrap } from "../terminal/width.ts";

/** One thing that was looked at. */
export interface Check {
  readonly level: "good" | "warning" | "bad";
  /** Its name, for people and programs. */
  readonly name: string;
  /** What was found, in words. */
  readonly found: string;
  /** What a person does about it; absent when it is good. */
  readonly todo?: string | undefined;
  /** Of a bad one: the code of the error. @default `INVALID` */
  readonly code?: VaultErrorCode | undefined;
}

const LEVEL_WIDTH = "warning".length;
const INDENT = 2;

/** A check as lines. */
export function checkLines({ level, name, found, todo }: Check, out: Output): string[] {
  const width = Math.min(out.width, 100);
  const beside = LEVEL_WIDTH + INDENT;
  const told = wrap(safeText(`${name}: ${found}`), width - beside);
  const lines = told.map((line, at) =>
    at === 0 ? `${out.paint(level, padTo(level, LEVEL_WIDTH))}  ${line}` : " ".repeat(beside) + line,
  );
  const advice = todo === undefined ? [] : wrap(safeText(todo), width - beside);
  return [...lines, ...advice.map((line) => " ".repeat(beside) + out.paint("faint", line))];
}
