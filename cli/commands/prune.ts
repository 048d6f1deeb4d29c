import type { Command } from "commander";
import { underLease, type WaitOptions, withWait } from "../change/lease.ts";
import { each, outcomeJson, throwFailed } from "../change/many.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION, sessionMeant } from "../session-argument.ts";

export function addPrune(program: Command, cli: Cli): void {
  const command = withWait(withChange(withStore(program.command("prune"))))
    .description(
      "Remove what no kept version of a session needs. Without a name, of all sessions. Bots do it by themselves, in time.",
    )
    .argument("[session]", SESSION)
    .helpGroup("Change:")
    .action((given: string | undefined, options: CommonOptions & WaitOptions) => prune(cli, given, options));
  withExamples(command, [
    ["prune support", "of RemoteAuth-support"],
    ["prune --yes", "of all sessions, without a question"],
  ]);
}

async function prune(cli: Cli, given: string | undefined, options: CommonOptions & WaitOptions): Promise<void> {
  const store = await cli.store(options);
  const { signal } = cli;
  const sessions: string[] = [];
  if (given !== undefined) sessions.push(await sessionMeant(store, given, { signal }));
  else for await (const session of store.sessions({ signal })) sessions.push(session);
  sessions.sort();
  const told = { store: store.address };
  if (sessions.length === 0) {
    if (options.json) return cli.json({ ...told, sessions });
    return cli.note(`${store.address} has no sessions.`);
  }
  const what = given === undefined ? `each of the ${sessions.length} sessions of ${store.address}` : `${sessions[0]}`;
  if (options.dryRun) {
    const [session] = sessions;
    const which = given === undefined ? { sessions: sessions.map((one) => ({ session: one })) } : { session };
    if (options.json) return cli.json({ ...told, ...which, dryRun: true });
    return cli.out.line(`Would remove what no kept version of ${what} needs.`);
  }
  await cli.confirm(`Remove what no kept version of ${what} needs? Nothing that can be restored is removed.`, options);
  const outcomes = await cli.progress((show) =>
    each(cli, sessions, async (session) => {
      show(`pruning ${session}`);
      await underLease(cli, { store, session }, options, (lease) => store.prune({ session, lease, signal }));
      return { pruned: true };
    }),
  );
  if (given !== undefined) {
    const [only] = outcomes;
    if (only?.error) throw only.error;
    if (options.json) return cli.json({ ...told, session: only?.session, pruned: true });
    return cli.out.line(`Pruned ${only?.session}.`);
  }
  if (options.json) cli.json({ ...told, sessions: outcomes.map(outcomeJson) });
  else {
    for (const { session, error } of outcomes) {
      cli.out.line(error ? `${session}: ${error.code}: ${error.message}` : `Pruned ${session}.`);
    }
  }
  throwFailed(outcomes, "pruned");
}
