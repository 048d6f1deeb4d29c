import { stripVTControlCharacters } from "node:util";

const MODULES: Readonly<Record<string, readonly [above: boolean, below: boolean]>> = {
  "█": [true, true],
  "▀": [true, false],
  "▄": [false, true],
  " ": [false, false],
};

/**
 * The modules of the QR codes in what was written to a terminal, in the order in which they were drawn: `true` is dark.
 * @param isColoured whether they have colours of their own; else what is drawn is light
 */
export function modulesOf(text: string, { isColoured = false }: { isColoured?: boolean } = {}): boolean[][][] {
  const codes: boolean[][][] = [];
  let rows: boolean[][] = [];
  const end = (): void => {
    const size = rows[0]?.length ?? 0;
    // The last row of an odd number has nothing below it.
    if (rows.length >= size && size > 20) codes.push(rows.slice(0, size));
    rows = [];
  };
  for (const line of stripVTControlCharacters(text).split("\n")) {
    const isCode = line.length > 20 && [...line].every((character) => character in MODULES);
    if (!isCode) {
      end();
      continue;
    }
    const pairs = [...line].map((character) => MODULES[character] ?? [false, false]);
    for (const half of [0, 1] as const) rows.push(pairs.map((pair) => pair[half] === isColoured));
    const size = rows[0]?.length ?? 0;
    if (rows.length >= size) end();
  }
  end();
  return codes;
}
