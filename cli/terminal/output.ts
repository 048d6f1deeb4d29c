import { styleText } from "node:util";
import { safeLine, safeLines } from "./width.ts";

/** The colours that the command uses, by what they say. */
const STYLES = { good: "green", bad: "red", warning: "yellow", faint: "dim", strong: "bold" } as const;

/** What a colour says. */
export type Meaning = keyof typeof STYLES;

/** Where the command writes: `process.stdout` or `process.stderr`. */
export type Stream = NodeJS.WritableStream &
  Partial<Pick<NodeJS.WriteStream, "isTTY" | "columns" | "rows" | "hasColors">>;

/** How wide text is made where nobody says: a file, a pipe. */
const WIDE = 1_000;
/** Of a terminal that does not know its own width, such as one that `script` makes. */
const USUAL = 80;

/** One stream of a terminal, a file or a pipe. What is written after its reader has gone is dropped. */
export class Output {
  readonly #stream: Stream;
  /** Whether colours are shown. */
  readonly isColoured: boolean;
  #isClosed = false;

  /** @param color whether colours are wanted; `undefined` goes by the stream, NO_COLOR and FORCE_COLOR */
  constructor(stream: Stream, color?: boolean) {
    this.#stream = stream;
    this.isColoured = color ?? stream.hasColors?.() ?? false;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // `wa-vault ls | head`: the reader has what it wants. A command that changes something finishes its work.
      if (error.code !== "EPIPE") throw error;
      this.#isClosed = true;
    });
  }

  /** Whether a person sits before it. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Whether its reader has gone. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** In characters. */
  get width(): number {
    return this.#stream.columns || (this.isTerminal ? USUAL : WIDE);
  }

  /** In lines; no limit where nobody sees them. */
  get height(): number {
    return this.#stream.rows ?? Number.POSITIVE_INFINITY;
  }

  /** Writes a line. What it has from elsewhere cannot move the cursor, and looks like no other line. */
  line(text = ""): void {
    this.write(`${safeLine(text, this.isColoured)}\n`);
  }

  /** Writes text in lines, from which nothing can move the cursor. */
  lines(text: string): void {
    this.write(safeLines(text, this.isColoured));
  }

  /** Writes what moves the cursor too. */

  write(text: string): void {
    if (!this.#isClosed) this.#stream.write(text);
  }

  paint(meaning: Meaning, text: string): string {
    return this.isColoured ? styleText(STYLES[meaning], text, { validateStream: false }) : text;
  }
}
