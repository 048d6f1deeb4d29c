/**
 * A table, aligned for a terminal; Markdown reads it too.
 * @param lines the first one is the head
 * @param texts how many columns, from the first on, hold words; numbers stand on the right. @default 2
 */
export function aligned(lines: readonly (readonly string[])[], texts = 2): string {
  const [head = [], ...rest] = lines;
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column < texts ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  const row = (line: readonly string[]): string => `| ${line.map(pad).join(" | ")} |`;
  const rule = widths.map((width, column) => (column < texts ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`));
  return [row(head), `|${rule.join("|")}|`, ...rest.map(row)].join("\n");
}
