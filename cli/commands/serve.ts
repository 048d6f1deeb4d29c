import { type Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { durationOf, parseDuration } from "../duration.ts";
import { withExamples, withStore, withText } from "../options.ts";
import type { ServeOptions } from "../serve/serve.ts";

/** Asking more often tells nobody more, and costs. */
const LEAST_EVERY_MS = 1_000;

export function addServe(program: Command, cli: Cli): void {
  const command = withStore(program.command("serve"))
    .description("Serve a page that shows the sessions of a store while they change.")
    .helpGroup("Serve:")
    .option("--host <address>", "address to listen on; others than this machine's own want a token", "127.0.0.1")
    .option("--port <number>", "port to listen on; without it 4870, or a free one when that is in use")
    .option("--allow-host <name>", "a name that the page is reached by, such as a proxy's; may be repeated", collect)
    .addOption(
      new Option("--every <duration>", "how often the store is asked while somebody looks")
        .argParser(durationOf("--every", { least: LEAST_EVERY_MS }))
        .default(10_000, "10s"),
    )
    .addOption(
      new Option("--older-than <duration>", "mark sessions that were stored longer ago; or never")
        .argParser(olderThan)
        .default(86_400_000, "1d"),
    )
    .action(async (options: ServeOptions) => {
      // The other commands need no server.
      const { serve } = await import("../serve/serve.ts");
      await serve(cli, options);
    });
  withText(
    command,
    "WA_VAULT_SERVE_TOKEN (or WA_VAULT_SERVE_TOKEN_FILE, the path of a file) is the token that viewers and bots must show. " +
      "Without it the page is for this machine alone, and changes nothing.",
  );
  withExamples(command, [
    ["serve --store file:./sessions", "a page on this machine, which only shows"],
    ["serve --host 0.0.0.0 --allow-host status.example.com", "with a token, behind a proxy"],
  ]);
}

function olderThan(text: string): number | "never" {
  return text === "never" ? text : parseDuration("--older-than", text);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
