import { padTo, safeText, widthOf, wrap } from "./width.ts";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** The text of a cell, without colours. */
  readonly of: (row: Row) => string;
  readonly align?: "right";
  /** Colours the text of a cell that has its width already. */
  readonly paint?: (text: string, row: Row) => string;
}

const GAP = "  ";
const INDENT = "  ";

/**
 * Rows under titles where they fit into `width`, else each row as a block of `title: text` lines, so that nothing is cut
 * off on a narrow terminal.
 * @param columns the first one names the row
 */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): string[] {
  const cells = rows.map((row) => columns.map(({ of }) => safeText(of(row))));
  const isEmpty = columns.map((_, index) => cells.every((line) => line[index] === ""));
  const shown = columns.flatMap((column, index) => (isEmpty[index] ? [] : [{ column, index }]));
  const widths = shown.map(({ column, index }) =>
    Math.max(column.title.length, ...cells.map((line) => widthOf(line[index] ?? ""))),
  );
  const total = widths.reduce((sum, one) => sum + one, GAP.length * (shown.length - 1));
  if (total > width) return blocks(rows, cells, shown, width);
  const line = (text: (index: number) => string, row?: Row): string =>
    shown
      .map(({ column, index }, at) => {
        const cell = padTo(text(index), widths[at] ?? 0, column.align);
        return row !== undefined && column.paint ? column.paint(cell, row) : cell;
      })
      .join(GAP)
      .trimEnd();
  return [
    line((index) => columns[index]?.title ?? ""),
    ...rows.map((row, at) => line((index) => cells[at]?.[index] ?? "", row)),
  ];
}

function blocks<Row>(
  rows: readonly Row[],
  cells: readonly string[][],
  shown: readonly { readonly column: Column<Row>; readonly index: number }[],
  width: number,
): string[] {
  return rows.flatMap((row, at) => {
    const lines = shown.flatMap(({ column, index }, place) => {
      const text = cells[at]?.[index] ?? "";
      if (text === "") return [];
      const paint = (line: string): string => (column.paint ? column.paint(line, row) : line);
      if (place === 0) return [paint(text)];
      const title = `${INDENT}${column.title.toLowerCase()}: `;
      if (widthOf(title) + widthOf(text) <= width) return [title + paint(text)];
      const indent = INDENT + INDENT;
      return [title.trimEnd(), ...wrap(text, width - indent.length).map((line) => indent + paint(line))];
    });
    return at === 0 ? lines : ["", ...lines];
  });
}
