import type { Command } from "commander";
import { wrap } from "./terminal/width.ts";

/** What stands before the explanation of an example. */
const COMMENT = "  # ";

/** Adds the options of every command that opens a store. */
export function withStore(command: Command): Command {
  return withJson(
    command.option("--store <address>", "address of the store, without a password [env: WA_VAULT_STORE]"),
  );
}

/** Adds the option of every command that prints a result. */
export function withJson(command: Command): Command {
  return command.option("--json", "print JSON, for scripts");
}

/** Adds the options of every command that removes or replaces something. */
export function withChange(command: Command): Command {
  return command.option("--dry-run", "only say what would be done").option("-y, --yes", "answer every question by yes");
}

/** Adds a paragraph to the help of a command. */
export function withText(command: Command, text: string): Command {
  return command.addHelpText("after", () => ["", ...wrap(text, helpWidth(command))].join("\n"));
}

/** Ends the help of a command with calls of it, each with what it does. */
export function withExamples(command: Command, examples: readonly (readonly [call: string, does: string])[]): Command {
  return command.addHelpText("after", () => {
    // Calls are not broken: they are copied.
    const width = helpWidth(command) - COMMENT.length;
    const lines = examples.flatMap(([call, does]) => [
      ...wrap(does, width).map((line) => COMMENT + line),
      `  $ wa-vault ${call}`,
      "",
    ]);
    return ["", "Examples:", ...lines].join("\n").trimEnd();
  });
}

function helpWidth(command: Command): number {
  return command.configureOutput().getOutHelpWidth?.() ?? 80;
}
