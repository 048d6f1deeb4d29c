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

/**
 * Rows under titles where they fit into `width`, else each row as a block of `title: text` lines, so that nothing is cut
 * off on a narrow terminal.
 * @param columns the first one names the row
 */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): string[] {
  const cells = rows.map((row) => columns.map(({ of }) => of(row)));
  const isEmpty = columns.map((_, index) => cells.every((line) => line[index] === ""));
  const shown = columns.flatMap((column, index) => (isEmpty[index] ? [] : [{ column, index }]));
  const widths = shown.map(({ column, index }) =>
    Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const total = widths.reduce((sum, one) => sum + one, GAP.length * (shown.length - 1));
  if (total > width) return blocks(rows, cells, shown);
  const line = (text: (index: number) => string, row?: Row): string =>
    shown
      .map(({ column, index }, at) => {
        const cell = pad(text(index), widths[at] ?? 0, column.align);
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
): string[] {
  return rows.flatMap((row, at) => {
    const lines = shown.flatMap(({ column, index }, place) => {
      const text = cells[at]?.[index] ?? "";
      if (text === "") return [];
      const painted = column.paint ? column.paint(text, row) : text;
      return [place === 0 ? painted : `  ${column.title.toLowerCase()}: ${painted}`];
    });
    return at === 0 ? lines : ["", ...lines];
  });
}

function pad(text: string, width: number, align?: "right"): string {
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}
