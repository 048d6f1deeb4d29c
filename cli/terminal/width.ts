/** A cluster that terminals draw two columns wide: East Asian wide letters, and signs that are drawn as pictures. */
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{Regional_Indicator}|.*\u{fe0f}|[\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{a4cf}\u{a960}-\u{a97c}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff00}-\u{ff60}\u{ffe0}-\u{ffe6}\u{20000}-\u{3fffd}])/u;
/** Nothing of a text from a store may move the cursor, change the colours or turn the direction of a line. */
const UNSAFE = /[\p{Cc}\u{61c}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}]/gu;
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
