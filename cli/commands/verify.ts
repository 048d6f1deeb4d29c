import type { Command } from "commander";
import type { Cli, CommonOptions } from "../cli.ts";
import { checkJson, checkRows, nextSteps } from "../look/check-rows.ts";
import { type CheckedSession, checkSession } from "../look/check-session.ts";
import { verdictOf } from "../look/verdict.ts";
import { withExamples, withStore } from "../options.ts";
import { SESSION, sessionMeant } from "../session-argument.ts";
import { wrap } from "../terminal/width.ts";

interface VerifyOptions extends CommonOptions {
  readonly history?: boolean;
  readonly deep?: boolean;
}

export function addVerify(program: Command, cli: Cli): void {
  const command = withStore(program.command("verify"))
    .description(
      "Read what is stored of sessions, and check every byte of it. Without a name, of all sessions. Nothing is changed.",
    )
    .argument("[session...]", SESSION)
    .helpGroup("Look:")
    .option("--history", "also every older generation that is kept, and every entry of the log")
    .option("--deep", "verify databases that were verified before they were stored once more, in a temporary folder")
    .action((sessions: string[], options: VerifyOptions) => verify(cli, sessions, options));
  withExamples(command, [
    ["verify --store file:./sessions", "the current generation of every session"],
    ["verify support --history", "all that is kept of one session, of the store in WA_VAULT_STORE"],
    ["verify --json", "for a script or a nightly job: exit code 5 when something is damaged"],
  ]);
}

async function verify(cli: Cli, given: readonly string[], options: VerifyOptions): Promise<void> {
  const { signal } = cli;
  const store = await cli.store(options);
  const names: string[] = [];
  for (const one of given) names.push(await sessionMeant(store, one, { signal }));
  if (given.length === 0) for await (const name of store.sessions({ signal })) names.push(name);
  const wanted = [...new Set(names)].sort();
  const checked: CheckedSession[] = [];
  const { history = false, deep = false } = options;
  await cli.progress(async (show) => {
    for (const [index, session] of wanted.entries()) {
      const where = wanted.length === 1 ? session : `${session} (${index + 1} of ${wanted.length})`;
      const one = await checkSession(store, session, {
        all: history,
        deep,
        signal,
        show: (text) => show(`${where}: ${text}`),
      });
      checked.push(one);
      // A store that does not answer must not be asked for each of a thousand sessions.
      if (one.problem?.code === "UNAVAILABLE") for await (const _ of store.sessions({ signal })) break;
    }
  });
  const verdict = verdictOf(checked);
  if (options.json) {
    cli.json({ store: store.address, good: verdict === undefined, sessions: checked.map(checkJson) });
  } else if (checked.length === 0) {
    cli.note(`${store.address} has no sessions.`);
  } else {
    for (const line of checkRows(checked, cli.out)) cli.out.line(line);
    for (const step of nextSteps(checked)) {
      cli.out.line();
      // A command stays on a line of its own, to be copied.
      const [text = "", ...commands] = step.split("\n");
      for (const line of cli.out.isTerminal ? wrap(text, Math.min(cli.out.width, 100)) : [text]) cli.out.line(line);
      for (const line of commands) cli.out.line(line);
    }
  }
  if (verdict) throw verdict;
}
