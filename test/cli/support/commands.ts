import { PassThrough } from "node:stream";
import type { Command } from "commander";
import { Cli } from "../../../cli/cli.ts";
import { wordsOf } from "../../../cli/completion/candidates.ts";
import { program } from "../../../cli/program.ts";
import { Output } from "../../../cli/terminal/output.ts";

/** The program, whose commands do nothing: for tests of what they take. */
export function idleProgram(): Command {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const stdin = new PassThrough() as unknown as NodeJS.ReadStream;
  const [out, err] = [new Output(stdout), new Output(stderr)];
  const made = program(new Cli({ out, err, stdin, stderr, env: {}, signal: new AbortController().signal }));
  for (const command of made.commands) command.action(() => {});
  return made;
}

/** The commands that people see. */
export function visibleCommands(): Command[] {
  const made = idleProgram();
  return made
    .createHelp()
    .visibleCommands(made)
    .filter((command) => command.name() !== "help");
}

/** The arguments of a call in a document, up to what a shell does with its output; `undefined` for another program. */
export function argumentsOf(line: string): string[] | undefined {
  const call = line.replace(/^\s*\$ /, "").replace(/\s+#.*$/, "");
  const [name, ...words] = wordsOf(call.replace(/^npx (?:--\S+ )*/, "").trim());
  if (name !== "wa-vault") return undefined;
  const end = words.findIndex((word) => /^(?:\||>>?|<|&&|2>)/.test(word));
  return end === -1 ? words : words.slice(0, end);
}

/** Parses a call with the real parser, and does nothing. @throws when it is refused */
export async function parse(words: readonly string[]): Promise<void> {
  await idleProgram().parseAsync(words, { from: "user" });
}
