import type { Command } from "commander";
import { underLease, type WaitOptions, withWait } from "../change/lease.ts";
import { each, oneOrAll, outcomeJson, throwFailed } from "../change/many.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION, sessionMeant } from "../session-argument.ts";

interface RekeyOptions extends CommonOptions, WaitOptions {
  readonly all?: boolean;
}

/** What has become of one session. */
interface Rekeyed {
  readonly unchanged: boolean;
  readonly keyId: string;
  /** Numbers of the generations that were encrypted anew. */
  readonly rekeyed: readonly number[];
  /** How many entries of the log were. */
  readonly entries: number;
}

export function addRekey(program: Command, cli: Cli): void {
  const command = withWait(withChange(withStore(program.command("rekey"))))
    .summary("Encrypt a session anew with the first key of WA_VAULT_KEY")
    .description("Encrypt a session anew with the first key of WA_VAULT_KEY, also what was stored without one.")
    .argument("[session]", SESSION)
    .option("-a, --all", "all sessions; one that fails stops no other")
    .helpGroup("Change:")
    .action((given: string | undefined, options: RekeyOptions) => rekey(cli, given, options));
  withExamples(command, [
    ["rekey support", "with WA_VAULT_KEY=<new key>,<old key>"],
    ["rekey --all --yes", "every session; one that fails stops no other"],
  ]);
}

async function rekey(cli: Cli, given: string | undefined, options: RekeyOptions): Promise<void> {
  oneOrAll(given, options.all);
  const store = await cli.store(options);
  const { signal } = cli;
  const sessions: string[] = [];
  if (given !== undefined) sessions.push(await sessionMeant(store, given, { signal }));
  else for await (const session of store.sessions({ signal })) sessions.push(session);
  sessions.sort();
  const told = { store: store.address };
  const what = given === undefined ? `${sessions.length} sessions of ${store.address}` : `${sessions[0]}`;
  if (options.dryRun) {
    const [session] = sessions;
    const which = given === undefined ? { sessions: sessions.map((one) => ({ session: one })) } : { session };
    if (options.json) return cli.json({ ...told, ...which, dryRun: true });
    return cli.out.line(`Would encrypt ${what} anew with the first key, and remove what was stored otherwise.`);
  }
  await cli.confirm(`Encrypt ${what} anew with the first key? What was stored otherwise is removed.`, options);
  const outcomes = await cli.progress((show) =>
    each(cli, sessions, async (session): Promise<Rekeyed> => {
      show(`encrypting ${session}`);
      const place = { store, session };
      const report = await underLease(cli, place, options, (lease) => store.rekey({ session, lease, signal }));
      const { keyId, generations: rekeyed, entries } = report;
      return { unchanged: rekeyed.length === 0 && entries === 0, keyId, rekeyed, entries };
    }),
  );
  if (given !== undefined) {
    const [only] = outcomes;
    if (only?.error) throw only.error;
    if (options.json) return cli.json({ ...told, session: only?.session, ...only?.result });
    if (only?.result) cli.out.line(words(only.session, only.result));
    return;
  }
  if (options.json) cli.json({ ...told, sessions: outcomes.map(outcomeJson) });
  else {
    for (const { session, error, result } of outcomes) {
      if (error) cli.out.line(`${session}: ${error.code}: ${error.message}`);
      else if (result) cli.out.line(words(session, result));
    }
  }
  throwFailed(outcomes, "encrypted anew");
}

function words(session: string, { unchanged, keyId, rekeyed }: Rekeyed): string {
  if (unchanged) return `${session} is encrypted with key ${keyId} already.`;
  const which = rekeyed.length === 0 ? "its log" : `generation ${rekeyed.join(", ")}`;
  return `Encrypted ${session} anew with key ${keyId}: ${which}.`;
}
