import type { Command } from "commander";
import type { SessionSummary } from "../../lib/store.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { withExamples, withStore } from "../options.ts";
import { table } from "../terminal/table.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";

export function addLs(program: Command, cli: Cli): void {
  const command = withStore(program.command("ls"))
    .description("List the sessions of a store.")
    .helpGroup("Look:")
    .action((options: CommonOptions) => list(cli, options));
  withExamples(command, [
    ["ls --store file:./sessions", "the sessions of a directory"],
    ["ls --store s3://bucket/bots?region=eu-central-1 --json", "those of a bucket, for a script"],
  ]);
}

async function list(cli: Cli, options: CommonOptions): Promise<void> {
  const store = await cli.store(options);
  const sessions: SessionSummary[] = [];
  for await (const one of store.sessions({ details: true, signal: cli.signal })) sessions.push(one);
  sessions.sort((a, b) => (a.session < b.session ? -1 : 1));
  if (options.json) return cli.json({ store: store.address, sessions });
  if (sessions.length === 0) return cli.err.line(`${store.address} has no sessions.`);
  const lines = table(
    sessions,
    [
      { title: "SESSION", of: ({ session }) => session },
      { title: "KIND", of: ({ kind }) => (kind === "records" ? "Baileys" : kind === "profile" ? "browser" : "") },
      { title: "SAVED", of: ({ saved }) => (saved ? ageWords(saved.at) : "") },
      { title: "SIZE", align: "right", of: ({ saved }) => (saved ? sizeWords(saved.bytes) : "") },
      { title: "GEN", align: "right", of: ({ saved }) => (saved ? String(saved.generation) : "") },
      { title: "HELD BY", of: ({ lease }) => lease?.owner ?? "" },
      { title: "ENCRYPTED", of: ({ saved }) => (saved?.keyId ? "yes" : "") },
    ],
    cli.out.width,
  );
  for (const line of lines) cli.out.line(line);
}
