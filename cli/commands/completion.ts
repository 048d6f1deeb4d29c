import { Argument, type Command } from "commander";
import type { Cli } from "../cli.ts";
import { completionOf } from "../completion/candidates.ts";
import { SCRIPTS, SHELLS, type Shell } from "../completion/scripts.ts";
import { sessionNames } from "../completion/session-names.ts";
import { withExamples } from "../options.ts";

export function addCompletion(program: Command, cli: Cli): void {
  const command = program
    .command("completion")
    .summary("Print what makes your shell complete commands and sessions")
    .description("Print what makes a shell complete commands, options and the names of your sessions.")
    .addArgument(new Argument("<shell>", "your shell").choices(SHELLS))
    .helpGroup("Repair:")
    .action((shell: Shell) => cli.out.write(SCRIPTS[shell]));
  withExamples(command, [
    ["completion bash >> ~/.bashrc", "for every bash from now on"],
    ["completion zsh > ~/.zfunc/_wa-vault", "for zsh, in a folder of your fpath"],
  ]);
  // Asked by the scripts, at each press of the tabulator.
  program
    .command("complete", { hidden: true })
    .argument("<line>")
    .action((line: string) => complete(program, cli, line));
}

async function complete(program: Command, cli: Cli, line: string): Promise<void> {
  const { begun, candidates, sessionsOf } = completionOf(program, line);
  const found = sessionsOf ? await sessionNames(begun, sessionsOf.store, cli) : candidates;
  for (const { word, about } of found) cli.out.line(about === "" ? word : `${word}\t${about}`);
}
