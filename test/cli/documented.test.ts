import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../cli/exit-codes.ts";
import { root } from "../support/packed-package.ts";
import { argumentsOf, parse, visibleCommands } from "./support/commands.ts";

const text = readFileSync(join(root, "docs", "command.md"), "utf8");
/** Options of many commands, which the general parts describe. */
const GENERAL = ["--help", "--json", "--store", "--no-color", "--dry-run", "--yes", "--wait"];

describe("docs/command.md", () => {
  it.each(visibleCommands().map((command) => [command.name(), command] as const))(
    "describes %s and each of its options",
    (name, command) => {
      const [, rest] = text.split(`\n## wa-vault ${name}\n`);
      const section = rest?.split("\n## ")[0] ?? "";
      expect(section.trim(), `a section "## wa-vault ${name}"`).not.toBe("");
      const options = command.createHelp().visibleOptions(command);
      const missing = options.flatMap(({ long }) =>
        long == null || GENERAL.includes(long) || section.includes(long) ? [] : [long],
      );
      expect(missing).toEqual([]);
    },
  );

  it.each(visibleCommands().map((command) => command.name()))("lists each option of %s once", (name) => {
    const section = text.split(`\n## wa-vault ${name}\n`)[1]?.split("\n## ")[0] ?? "";
    const rows = [...section.matchAll(/^\| (`-[^|]*) \|/gm)].flatMap(
      ([, cell = ""]) => cell.match(/--[a-z][-a-z]*/g) ?? [],
    );
    expect(rows).toEqual([...new Set(rows)]);
  });

  it("has calls that the command takes", async () => {
    const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.split("\n"));
    const calls = blocks.flatMap((line) => {
      const words = argumentsOf(line);
      return words ? [{ line, words }] : [];
    });
    expect(calls.length).toBeGreaterThan(5);
    for (const { line, words } of calls) {
      await parse(words).catch((error: Error) => expect.fail(`${line}: ${error.message}`));
    }
  });

  it("describes what all commands have in common, and every exit code", () => {
    for (const option of GENERAL.slice(1)) expect(text).toContain(option);
    for (const [code, number] of Object.entries(EXIT_CODES)) {
      expect(text).toMatch(new RegExp(`\\n\\| ${number} \\|[^|]*\`${code}\``));
    }
  });
});
