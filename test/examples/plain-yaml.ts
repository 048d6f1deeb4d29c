/** A value of a YAML file. */
export type Yaml = string | number | Yaml[] | { [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
}

/**
 * The part of YAML that the manifests are written in: maps and lists by indentation, JSON for lists in one line, strings
 * and numbers, comments.
 * @throws on a line that it does not understand
 */
export function plainYaml(text: string): Yaml {
  const lines = text.split("\n").flatMap(lineOf);
  const value = readBlock(lines, 0);
  if (lines.length > 0) throw new Error(`Could not read the line "${lines[0]?.text}": its indentation is unexpected.`);
  return value;
}

function lineOf(text: string): Line[] {
  const content = text.replace(/(^|\s)#.*$/, "").trimEnd();
  if (content.includes("\t")) throw new Error(`Could not read the line "${text}": it has a tab.`);
  return content === "" ? [] : [{ indent: content.search(/\S/), text: content.trim() }];
}

/** Takes the lines of one map or list, which begins at the first line. */
function readBlock(lines: Line[], least: number): Yaml {
  const [first] = lines;
  if (!first || first.indent < least) throw new Error("Could not read the file: a value is missing.");
  return first.text.startsWith("- ") ? readList(lines, first.indent) : readMap(lines, first.indent);
}

function readList(lines: Line[], indent: number): Yaml[] {
  const list: Yaml[] = [];
  while (lines[0]?.indent === indent && lines[0].text.startsWith("- ")) {
    const item = { indent: indent + 2, text: lines[0].text.slice(2) };
    lines[0] = item;
    list.push(/^[\w.-]+:( |$)/.test(item.text) ? readMap(lines, item.indent) : readScalar(lines.shift()?.text ?? ""));
  }
  return list;
}

function readMap(lines: Line[], indent: number): { [key: string]: Yaml } {
  const map: { [key: string]: Yaml } = {};
  while (lines[0]?.indent === indent && !lines[0].text.startsWith("- ")) {
    const { text } = lines.shift() as Line;
    const [, key, value] = /^([\w.-]+):(?: +(.+))?$/.exec(text) ?? [];
    if (key === undefined || key in map) throw new Error(`Could not read the line "${text}".`);
    map[key] = value === undefined ? readBlock(lines, indent + 1) : readScalar(value);
  }
  return map;
}

function readScalar(text: string): Yaml {
  if (/^["[\d]/.test(text) && !/^\d.*[^\d.]/.test(text)) return JSON.parse(text) as Yaml;
  if (/^[\]{}&*!|>'%@`,?]/.test(text)) throw new Error(`Could not read the value "${text}".`);
  return text;
}
