/** A cluster that terminals draw two columns wide: East Asian wide letters, and signs that are drawn as pictures. */
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{Regional_Indicator}|.*\u{fe0f}|[\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{a4cf}\u{a960}-\u{a97c}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff00}-\u{ff60}\u{ffe0}-\u{ffe6}\u{20000}-\u{3fffd}])/u;
/** Nothing of a text from a store may move the cursor, change the colours or turn the direction of a line. */
const UNSAFE = /[\p{Cc}\u{61c}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}]/gu;
/** The colours of `Output`, and the ground of a QR code. */
const OWN_COLOURS = "\\u{1b}\\[(?:[0-2]|22|3[1239]|38;5;16;48;5;231)m";
const UNSAFE_BUT_COLOURS = new RegExp(`(${OWN_COLOURS})|(?![\\t\\n])${UNSAFE.source}`, "gu");
/** What is shown of it. */
const SHOWN = "\u{fffd}";

const clusters = new Intl.Segmenter("en", { granularity: "grapheme" });

/** How many columns a terminal needs for a text without colours. */
export function widthOf(text: string): number {
  // Nearly all texts; the rest takes a hundred times as long.
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of clusters.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** The text with blanks up to a width; a longer one as it is. */
export function padTo(text: string, width: number, align: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "right" ? blanks + text : text + blanks;
}

/** As much of the text as fits. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let [cut, left] = ["", width];
  for (const { segment } of clusters.segment(text)) {
    left -= WIDE.test(segment) ? 2 : 1;
    if (left < 0) break;
    cut += segment;
  }
  return cut;
}

/** A text from a store, or from elsewhere, that a terminal shows and does not obey. */
export function safeText(text: string): string {
  return text.replaceAll(UNSAFE, SHOWN);
}

/**
 * A text of this command with texts from elsewhere in it, which may be coloured: tabs and line breaks stay, and what comes
 * behind a line break is indented, so that nothing from elsewhere looks like a line of this command.
 */
export function safeLine(text: string, isColoured: boolean): string {
  return safeLines(text, isColoured).replace(/\n(?=.)/g, "\n  ");
}

/** As {@link safeLine}, for text in several lines. */
export function safeLines(text: string, isColoured: boolean): string {
  const plain = text.replaceAll("\r\n", "\n");
  return plain.replace(UNSAFE_BUT_COLOURS, (_, own?: string) => (isColoured && own !== undefined ? own : SHOWN));
}

/** A value as JSON in which nothing is left that a terminal obeys: the standard escapes the first 32 characters only. */
export function safeJson(value: unknown, replacer?: (name: string, value: unknown) => unknown): string {
  const escaped = (letter: string): string => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, replacer).replaceAll(UNSAFE, escaped);
}

/** Lines of at most this width, broken between words; a word that is longer is not broken. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
