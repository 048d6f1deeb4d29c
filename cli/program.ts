import { type Argument, Command } from "commander";
import type { Cli } from "./cli.ts";
import { addCompletion } from "./commands/completion.ts";
import { addCopy } from "./commands/copy.ts";
import { addDelete } from "./commands/delete.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExport } from "./commands/export.ts";
import { addImport } from "./commands/import.ts";
import { addLink } from "./commands/link.ts";
import { addLs } from "./commands/ls.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addPrune } from "./commands/prune.ts";
import { addPull } from "./commands/pull.ts";
import { addPush } from "./commands/push.ts";
import { addRekey } from "./commands/rekey.ts";
import { addRename } from "./commands/rename.ts";
import { addRollback } from "./commands/rollback.ts";
import { addServe } from "./commands/serve.ts";
import { addShow } from "./commands/show.ts";
import { addUndelete } from "./commands/undelete.ts";
import { addUnlock } from "./commands/unlock.ts";
import { addVerify } from "./commands/verify.ts";
import { firstSentence } from "./completion/candidates.ts";
import { wrap } from "./terminal/width.ts";
import { packageVersion } from "./version.ts";

/** Adds one command to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;

/** In the order of the help. */
const COMMANDS: readonly AddCommand[] = [
  addLink,
  addLs,
  addShow,
  addVerify,
  addExport,
  addImport,
  addPull,
  addPush,
  addCopy,
  addMigrate,
  addRename,
  addRollback,
  addDelete,
  addUndelete,
  addPrune,
  addRekey,
  addUnlock,
  addDoctor,
  addServe,
  addCompletion,
];

/** Below this many columns a description is not broken into lines. */
const LEAST_COLUMNS = 12;
const WIDEST_HELP = 100;

/**
 * The command with all its commands.
 * @param options.isJson whether what is wrong with the arguments is left to the caller, who prints JSON
 */
export function program(cli: Cli, { isJson = false }: { isJson?: boolean } = {}): Command {
  const width = (): number => Math.min(cli.out.width, WIDEST_HELP);
  const made = new Command("wa-vault")
    .description("WhatsApp sessions that survive their machine: link, look, keep, move and repair them.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.out.lines(text),
      writeErr: (text) => (isJson ? undefined : cli.err.lines(text)),
      getOutHelpWidth: width,
      getErrHelpWidth: () => Math.min(cli.err.width, WIDEST_HELP),
      // Decided by `Output`, for help as for all else.
      getOutHasColors: () => true,
      getErrHasColors: () => true,
    })
    .configureHelp({
      minWidthToWrap: LEAST_COLUMNS,
      // One screen for all commands: the rest of each is in its own help.
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentWords)].join(" "),
      subcommandDescription: (command) => command.summary() || firstSentence(command.description()),
      styleUsage: (text) => wrap(text, width() - USAGE.length).join(`\n${" ".repeat(USAGE.length)}`),
    })
    .showHelpAfterError("Run the command with --help for its options.");
  made.version(packageVersion(), "-V, --version", "print the version");
  made.addHelpCommand(
    new Command("help").argument("[command]").description("Show the help of a command.").helpGroup("Serve:"),
  );
  made.option("--no-color", "print without colours [env: NO_COLOR]");
  for (const add of COMMANDS) add(made, cli);
  return made;
}

const USAGE = "Usage: ";

function argumentWords(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}
