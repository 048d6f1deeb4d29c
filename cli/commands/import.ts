import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { type BringOptions, bringIn } from "../session-file/bring-in.ts";

export function addImport(program: Command, cli: Cli): void {
  const command = withChange(withStore(program.command("import")))
    .description("Put a session in a file, a zip or a folder into the store.")
    .argument("<file>", "a file of `export`, the zip of a RemoteAuth, a profile, a folder of LocalAuth or of Baileys")
    .argument("[session]", "its name in the store (default: the one that the file tells)")
    .option("--other-phone", "replace the session of another phone, too")
    .helpGroup("Keep:")
    .action((file: string, session: string | undefined, options: BringOptions) => bringIn(cli, file, session, options));
  withExamples(command, [
    ["import RemoteAuth-support-2026-01-31.wavault", "what `export` has written"],
    ["import .wwebjs_auth/session-support --dry-run", "whether a profile of LocalAuth is whole"],
    ["import RemoteAuth-old.zip support", "the zip of an older store, under another name"],
  ]);
}
