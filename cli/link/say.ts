import type { Cli } from "../cli.ts";
import { wrap } from "../terminal/width.ts";

/** Tells the person what is done, or what to do, in lines that fit into the terminal. */
export function say(cli: Cli, text: string): void {
  for (const line of wrap(text, cli.err.width)) cli.note(line);
}
