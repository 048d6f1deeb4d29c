import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { visibleCommands } from "../cli/support/commands.ts";
import { root } from "../support/packed-package.ts";

const pages = [
  ...["README.md", "CONTRIBUTING.md"],
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** The lines of the blocks of a page that are for a shell. */
function linesOf(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```(?:sh|bash|zsh|shell|console)\n([\s\S]*?)^```/gm)].flatMap(([, code = ""]) =>
    code.split("\n"),
  );
}

/** What an interactive zsh, with the settings that it has by itself, does not take as it is meant; `undefined` when it does. */
function troubleOf(line: string): string | undefined {
  const bare = line.replace(/'[^']*'|"[^"]*"/g, "''");
  // It knows no comments: a line of its own is a command that is not found, and does no harm without signs of the shell.
  if (/^\s*#/.test(line)) return /['"`?*[\]()<>;&|$]/.test(line) ? "signs of the shell in a comment" : undefined;
  if (/\s#/.test(bare)) return "a comment behind a command";
  // Nothing has such a name, so the line is refused.
  if (/\b[a-z][a-z+\d]*:\/\/\S*[?&*]/.test(bare)) return "an address that is not quoted";
  return undefined;
}

function troubles(lines: readonly string[]): [trouble: string, line: string][] {
  return lines.flatMap((line) => {
    const trouble = troubleOf(line);
    return trouble === undefined ? [] : [[trouble, line]];
  });
}

describe("calls that people copy", () => {
  it.each([
    ["wa-vault link x --store s3://bucket/bots?region=eu", "an address that is not quoted"],
    ["wa-vault link x --store redis://h/0?a=b&c=d", "an address that is not quoted"],
    ["npm install wa-vault   # or another", "a comment behind a command"],
    ["# what isn't one", "signs of the shell in a comment"],
    ["wa-vault link x --store 's3://bucket/bots?region=eu'", undefined],
    ['echo "a # b"', undefined],
  ])("are looked at: %s", (line, trouble) => {
    expect(troubleOf(line)).toBe(trouble);
  });

  it("are taken by every shell where a page shows them", () => {
    const found = pages.flatMap((page) => troubles(linesOf(page)).map((one) => [page, ...one]));
    expect(found).toEqual([]);
    expect(pages.flatMap(linesOf).length).toBeGreaterThan(50);
  });

  it("are taken by every shell where the help shows them", () => {
    const calls = visibleCommands().flatMap((command) => {
      const said: string[] = [];
      command.configureOutput({ writeOut: (text) => void said.push(text) }).outputHelp();
      return said
        .join("")
        .split("\n")
        .flatMap((line) => /^ {2}\$ (.*)/.exec(line)?.[1] ?? []);
    });
    expect(calls.length).toBeGreaterThan(20);
    expect(troubles(calls)).toEqual([]);
  });
});
