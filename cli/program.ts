import { Command } from "commander";
import type { Cli } from "./cli.ts";
import { addCopy } from "./commands/copy.ts";
import { addDelete } from "./commands/delete.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExport } from "./commands/export.ts";
import { addImport } from "./commands/import.ts";
import { addLs } from "./commands/ls.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addPrune } from "./commands/prune.ts";
import { addPull } from "./commands/pull.ts";
import { addPush } from "./commands/push.ts";
import { addRekey } from "./commands/rekey.ts";
import { addRename } from "./commands/rename.ts";
import { addRollback } from "./commands/rollback.ts";
import { addShow } from "./commands/show.ts";
import { addUndelete } from "./commands/undelete.ts";
import { addUnlock } from "./commands/unlock.ts";
import { addVerify } from "./commands/verify.ts";
import { packageVersion } from "./version.ts";

/** Adds one command to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;

/** In the order of the help. */
const COMMANDS: readonly AddCommand[] = [
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
];

/** The command with all its commands. */
export function program(cli: Cli): Command {
  const made = new Command("wa-vault")
    .description("WhatsApp sessions that survive their machine: link, look, keep, move and repair them.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.out.write(text),
      writeErr: (text) => cli.err.write(text),
      getOutHelpWidth: () => Math.min(cli.out.width, 100),
      getErrHelpWidth: () => Math.min(cli.err.width, 100),
    })
    .showHelpAfterError("Run the command with --help for its options.");
  made.version(packageVersion(), "-V, --version", "print the version");
  made.option("--no-color", "print without colours [env: NO_COLOR]");
  for (const add of COMMANDS) add(made, cli);
  return made;
}
