import type { Command } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { underLease, type WaitOptions, withWait } from "../change/lease.ts";
import { openSession, sessionWords } from "../change/session.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { factsJson } from "../look/facts-json.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION } from "../session-argument.ts";

export function addUndelete(program: Command, cli: Cli): void {
  const command = withWait(withChange(withStore(program.command("undelete"))))
    .description("Bring a deleted session back, as after a logout.")
    .argument("<session>", SESSION)
    .helpGroup("Repair:")
    .action((given: string, options: CommonOptions & WaitOptions) => undelete(cli, given, options));
  withExamples(command, [
    ["undelete support", "bring RemoteAuth-support back"],
    ["undelete support --yes --json", "without a question, for a script"],
  ]);
}

async function undelete(cli: Cli, given: string, options: CommonOptions & WaitOptions): Promise<void> {
  const meant = await openSession(cli, given, options);
  const { store, session, facts } = meant;
  const told = { store: store.address, session };
  if (!facts.deleted && facts.saved) {
    if (options.json) return cli.json({ ...told, unchanged: true, saved: facts.saved });
    return cli.out.line(`${sessionWords(facts)} is not deleted.`);
  }
  if (!facts.deleted) throw new VaultError("ABSENT", `Could not undelete ${session}: it was never saved.`);
  if (!facts.saved) throw gone(session, facts.deleted.at);
  if (options.dryRun) {
    if (options.json) return cli.json({ ...told, dryRun: true, facts: factsJson(facts) });
    return cli.out.line(`Would bring ${sessionWords(facts)} back.`);
  }
  const advice = "WhatsApp accepts it only while the phone still lists the device.";
  await cli.confirm(`Bring ${sessionWords(facts)} back? ${advice}`, options);
  await underLease(cli, meant, options, (lease) => store.undelete({ session, lease, signal: cli.signal })).catch(
    (error: unknown) => {
      // The library names other sessions, of which none is the one that was deleted.
      if (isVaultError(error, "ABSENT")) throw new VaultError("ABSENT", error.message, { cause: error });
      throw error;
    },
  );
  const now = await store.facts({ session, signal: cli.signal });
  if (options.json) return cli.json({ ...told, unchanged: false, saved: now?.saved });
  cli.out.line(`Brought ${now ? sessionWords(now) : session} back.`);
}

function gone(session: string, at: Date): VaultError {
  return new VaultError("ABSENT", `Could not undelete ${session}: it was deleted for good at ${at.toISOString()}.`, {
    hint: "A file that `wa-vault export` has made, or another store, may have it.",
  });
}
