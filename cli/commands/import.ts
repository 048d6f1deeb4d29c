import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { withExamples } from "../options.ts";
import { NEW_SESSION } from "../session-argument.ts";
import { type BringOptions, bringIn, withBringing } from "../session-file/bring-in.ts";

export function addImport(program: Command, cli: Cli): void {
  const command = withBringing(program.command("import"))
    .summary("Put a session in a file, a zip or a folder into the store")
    .description(
      "Put a session in a file, a zip or a folder into the store, under the name that it tells or the one that is given.",
    )
    .argument("<file>", "a file of `export`, the zip of a RemoteAuth, a profile, a folder of LocalAuth or of Baileys")
    .argument("[session]", NEW_SESSION)
    .helpGroup("Keep:")
    .action((file: string, session: string | undefined, options: BringOptions) => bringIn(cli, file, session, options));
  withExamples(command, [
    ["import RemoteAuth-support-2026-01-31.wavault", "what `export` has written"],
    ["import .wwebjs_auth/session-support --dry-run", "whether a profile of LocalAuth is whole, and what is there"],
    ["import RemoteAuth-old.zip support", "the zip of an older store, under another name"],
  ]);
}
