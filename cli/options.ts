import type { Command } from "commander";

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
  return command
    .option("--dry-run", "only say what would be done")
    .option("-y, --yes", "do not ask before something is removed or replaced");
}

/** Ends the help of a command with calls of it, each with what it does. */
export function withExamples(command: Command, examples: readonly (readonly [call: string, does: string])[]): Command {
  const lines = examples.flatMap(([call, does]) => [`  # ${does}`, `  $ wa-vault ${call}`, ""]);
  return command.addHelpText("after", ["", "Examples:", ...lines].join("\n").trimEnd());
}
