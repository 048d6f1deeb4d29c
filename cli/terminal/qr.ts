import { encode } from "uqr";
import type { Output } from "./output.ts";
import { wrap } from "./width.ts";

/** Modules of light around a code: the standard asks for four, and phones are content with two. */
const BORDER = 2;
/** Black on white, whatever the colours of the terminal: a phone may not read white on black. */
const BLACK_ON_WHITE = "\u001b[38;5;16;48;5;231m";
const RESET = "\u001b[0m";

/** How a code is drawn. */
export interface QrLook {
  /** With colours of its own; else with the terminal's, which is taken for a dark one. */
  readonly isColoured: boolean;
  /** For a light terminal without colours. */
  readonly inverts?: boolean | undefined;
}

/** A QR code as lines: a character has two modules, one above the other. */
export function qrLines(text: string, { isColoured, inverts = false }: QrLook): string[] {
  const { data } = encode(text, { ecc: "L", border: BORDER });
  // What a character draws is dark on the white ground, and light on the ground of a dark terminal.
  const isDrawn = (dark: boolean | undefined): boolean => (isColoured || inverts ? dark === true : dark !== true);
  const lines: string[] = [];
  for (let y = 0; y < data.length; y += 2) {
    const [above, below] = [data[y] ?? [], data[y + 1] ?? []];
    const line = above.map((dark, x) => glyph(isDrawn(dark), isDrawn(below[x]))).join("");
    lines.push(isColoured ? `${BLACK_ON_WHITE}${line}${RESET}` : line);
  }
  return lines;
}

function glyph(above: boolean, below: boolean): string {
  if (above) return below ? "█" : "▀";
  return below ? "▄" : " ";
}

/** Shows one QR code after another: on a terminal each in the place of the one before. */
export class QrScreen {
  readonly #out: Output;
  readonly #inverts: boolean | undefined;
  /** Lines that the last code has on the screen. */
  #drawn = 0;

  constructor(out: Output, options: { inverts?: boolean | undefined } = {}) {
    this.#out = out;
    this.#inverts = options.inverts;
  }

  /** @returns whether the code fits; when it does not, a person is told how wide the terminal must be */
  show(text: string): boolean {
    const { isColoured, width, isTerminal } = this.#out;
    const lines = qrLines(text, { isColoured, inverts: this.#inverts });
    const columns = encode(text, { ecc: "L", border: BORDER }).size;
    this.clear();
    const fits = !isTerminal || columns <= width;
    const shown = fits ? lines : tooNarrow(columns, width);
    for (const line of shown) this.#out.line(line);
    if (isTerminal) this.#drawn = shown.length;
    return fits;
  }

  /** Takes the code away, as what is written next would leave it behind. */
  clear(): void {
    // What has scrolled away cannot be drawn over.
    if (this.#drawn > 0 && this.#drawn < this.#out.height) this.#out.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }
}

function tooNarrow(columns: number, width: number): string[] {
  const words =
    `The QR code needs ${columns} columns, and this terminal has ${width}. Make the window wider or its letters smaller; ` +
    "the next code comes within a minute. Or use `--pairing-code <phone>`.";
  return wrap(words, width);
}
