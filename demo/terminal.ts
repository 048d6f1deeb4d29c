/** Lines for people: a number and a title for each step, what happens below it. Colours only where they are wanted. */
export interface Terminal {
  title(text: string): void;
  /** Begins a step. */
  step(text: string): void;
  line(text: string): void;
  /** A QR, in its own colours: inverted, as it would be on a light terminal, not every phone reads it. */
  block(text: string): void;
  good(text: string): void;
  bad(text: string): void;
}

const INDENT = " ".repeat(10);

export function terminal(out: NodeJS.WriteStream = process.stdout): Terminal {
  const coloured = out.isTTY === true && !process.env.NO_COLOR;
  const paint = (code: number) => (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
  const onBlack = (text: string) => (coloured ? `\x1b[38;5;231;48;5;16m${text}\x1b[0m` : text);
  const [bold, dim, green, red] = [paint(1), paint(2), paint(32), paint(31)];
  const started = performance.now();
  const elapsed = () => dim(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s`);
  let steps = 0;
  const write = (text: string) => void out.write(`${text}\n`);
  const width = (out.isTTY ? out.columns : Number.POSITIVE_INFINITY) - INDENT.length;
  return {
    title: (text) => write(`\n${bold(text)}`),
    step: (text) => write(`\n${elapsed()}  ${bold(`${++steps}. ${text}`)}`),
    line: (text) => write(INDENT + wrap(text, width).join(`\n${INDENT}  `)),
    block: (text) => write(text.replace(/^.*$/gm, (row) => INDENT + onBlack(row))),
    good: (text) => write(`\n${elapsed()}  ${green(bold(text))}\n`),
    bad: (text) => write(`\n${elapsed()}  ${red(bold(text))}\n`),
  };
}

/** Rows of at most `width` characters, two less from the second on; a longer word has a row of its own. */
function wrap(text: string, width: number): string[] {
  const rows: string[] = [];
  for (const word of text.split(" ")) {
    const row = rows.at(-1);
    if (row !== undefined && row.length + 1 + word.length <= width - (rows.length > 1 ? 2 : 0)) {
      rows[rows.length - 1] = `${row} ${word}`;
    } else rows.push(word);
  }
  return rows;
}

/** 1234567 -> "1.2 MB". */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Milliseconds as people say them. */
export function time(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** 1 -> "1 file", 2 -> "2 files". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
