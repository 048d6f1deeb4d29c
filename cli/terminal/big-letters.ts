/** The letters of pairing codes, 4 modules wide and 5 high: a hexadecimal digit for each row. */
const ROWS: Readonly<Record<string, string>> = {
  "1": "26227",
  "2": "E168F",
  "3": "E161E",
  "4": "99F11",
  "5": "F8E1E",
  "6": "78E96",
  "7": "F1244",
  "8": "69696",
  "9": "6971E",
  A: "69F99",
  B: "E9E9E",
  C: "78887",
  D: "E999E",
  E: "F8E8F",
  F: "F8E88",
  G: "78B97",
  H: "99F99",
  J: "71196",
  K: "9ACA9",
  L: "8888F",
  M: "9FF99",
  N: "9DB99",
  P: "E9E88",
  Q: "699B7",
  R: "E9EA9",
  S: "7861E",
  T: "F4444",
  V: "99996",
  W: "99FF9",
  X: "99699",
  Y: "99711",
  Z: "F124F",
  "0": "69996",
  "-": "00600",
};

const WIDTH = 4;
const HEIGHT = 5;

/** A pairing code as it is typed: `ABCD-EFGH`. */
export function codeWords(code: string): string {
  return code.length === 8 ? `${code.slice(0, 4)}-${code.slice(4)}` : code;
}

/**
 * A pairing code in lines: large where it fits into `width`, and below it once more as text, since some large letters look
 * alike.
 */
export function codeLines(code: string, width: number): string[] {
  const text = codeWords(code);
  const spaced = [...text].join(" ");
  const bitmaps = [...text].map((letter) => ROWS[letter]);
  if (bitmaps.includes(undefined) || text.length * (WIDTH + 1) > width) return [spaced.length > width ? text : spaced];
  const lines: string[] = [];
  for (let y = 0; y < HEIGHT; y += 2) {
    const line = bitmaps
      .map((rows = "") => Array.from({ length: WIDTH }, (_, x) => glyph(rows, x, y)).join(""))
      .join(" ");
    lines.push(line.trimEnd());
  }
  return [...lines, "", spaced];
}

function glyph(rows: string, x: number, y: number): string {
  const [above, below] = [isSet(rows, x, y), isSet(rows, x, y + 1)];
  if (above) return below ? "█" : "▀";
  return below ? "▄" : " ";
}

function isSet(rows: string, x: number, y: number): boolean {
  return ((Number.parseInt(rows[y] ?? "0", 16) >> (WIDTH - 1 - x)) & 1) === 1;
}
