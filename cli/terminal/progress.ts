import type { Output } from "./output.ts";
import { cutTo, safeText } from "./width.ts";
import { durationWords } from "./words.ts";

/** How often a line is drawn again at most, in milliseconds. */
const EVERY_MS = 100;

/** Tells a person how far long work is, on one line that is drawn again and again; in a file or a pipe nothing. */
export class Progress {
  readonly #out: Output;
  readonly #began = performance.now();
  #drawnAt = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  /** @param out where it is drawn: the stream for errors, so that results can be piped */
  constructor(out: Output) {
    this.#out = out;
  }

  /** Says what is done now. Texts that come faster than a person reads are left out. */
  show(text: string): void {
    const now = performance.now();
    if (!this.#out.isTerminal || now - this.#drawnAt < EVERY_MS) return;
    this.#drawnAt = now;
    this.#isDrawn = true;
    const line = `${text} (${durationWords(now - this.#began)})`;
    this.#out.write(`\r\u001b[2K${this.#out.paint("faint", cutTo(safeText(line), this.#out.width - 1))}`);
  }

  /** Removes the line. */
  end(): void {
    if (this.#isDrawn) this.#out.write("\r\u001b[2K");
    this.#isDrawn = false;
  }
}
