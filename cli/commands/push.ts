import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { withExamples } from "../options.ts";
import { NEW_SESSION } from "../session-argument.ts";
import { type BringOptions, bringIn, withBringing } from "../session-file/bring-in.ts";

export function addPush(program: Command, cli: Cli): void {
  const command = withBringing(program.command("push"))
    .description("Put the session of a bot on this machine into the store.")
    .argument("<source>", "a profile, a folder of LocalAuth, a zip, or a folder of Baileys' useMultiFileAuthState")
    .argument("<session>", NEW_SESSION)
    .helpGroup("Keep:")
    .action((source: string, session: string, options: BringOptions) => bringIn(cli, source, session, options));
  withExamples(command, [
    ["push .wwebjs_auth/session-support support", "the profile of a LocalAuth; end its bot before"],
    ["push ./baileys_auth_info sales", "the state of a Baileys bot, as Baileys-sales"],
  ]);
}
