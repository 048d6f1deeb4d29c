import type { Command } from "commander";
import { VaultError } from "../../lib/errors.ts";
import { type RenameReport, renameSession } from "../../lib/rename-session.ts";
import type { SessionFacts } from "../../lib/store.ts";
import { sayingHowToWait, type WaitOptions, withWait } from "../change/lease.ts";
import { newNameOf } from "../change/new-name.ts";
import { type MeantSession, openSession, refuseAbsent, sessionWords, undeleteHint } from "../change/session.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { factsJson } from "../look/facts-json.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { NEW_SESSION, SESSION } from "../session-argument.ts";
import { sizeWords } from "../terminal/words.ts";

export function addRename(program: Command, cli: Cli): void {
  const command = withWait(withChange(withStore(program.command("rename"))))
    .description("Give a session another name, for a bot whose clientId changes.")
    .argument("<session>", SESSION)
    .argument("<new>", NEW_SESSION)
    .helpGroup("Change:")
    .action((given: string, wanted: string, options: CommonOptions & WaitOptions) =>
      rename(cli, given, wanted, options),
    );
  withExamples(command, [
    ["rename support help", "RemoteAuth-support becomes RemoteAuth-help"],
    ["rename RemoteAuth-support RemoteAuth-help --wait 5min", "when the bot ends, in the next five minutes"],
    ["rename support help --dry-run", "only say what would be done"],
  ]);
}

async function rename(cli: Cli, given: string, wanted: string, options: CommonOptions & WaitOptions): Promise<void> {
  const meant = await openSession(cli, given, options);
  const { store, session, facts } = meant;
  const newSession = newNameOf(session, wanted);
  const done = { store: store.address, session, newSession };
  if (facts.deleted && (await wasRenamed(cli, meant, newSession))) {
    if (options.json) return cli.json({ ...done, unchanged: true });
    return cli.out.line(`${newSession} has it already: ${session} is deleted, and was the same session.`);
  }
  refuseAbsent("rename", facts);
  if (newSession === session) throw new VaultError("INVALID", `${session} has this name already.`);
  await refuseTaken(cli, meant, newSession);
  const what = `${sessionWords(facts)} to ${newSession}`;
  if (options.dryRun) {
    if (options.json) return cli.json({ ...done, dryRun: true, facts: factsJson(facts) });
    return cli.out.line(`Would rename ${what}.`);
  }
  await cli.confirm(`Rename ${what}? Its older generations stay behind, and go with the old name.`, options);
  const report = await cli.progress(
    async (show): Promise<RenameReport> =>
      await sayingHowToWait({ session, store: options.store }, () =>
        renameSession({
          store,
          session,
          newSession,
          waitMs: options.wait,
          onProgress: ({ step }) => show(`${step} ${session}`),
          signal: cli.signal,
        }),
      ),
  );
  const { files, bytes, ms } = report;
  if (options.json) return cli.json({ ...done, unchanged: false, files, bytes, ms: Math.round(ms) });
  cli.out.line(`Renamed ${session} to ${newSession} (${sizeWords(bytes)}).`);
  cli.note(
    `Start the bot with its new name. \`wa-vault undelete ${session}\` brings the old one back; never run both.`,
  );
}

/**
 * Whether the session has its new name already, in the same size: whoever has renamed it did not learn that, because it was
 * interrupted.
 */
async function wasRenamed(cli: Cli, { store, facts }: MeantSession, newSession: string): Promise<boolean> {
  const call = { session: newSession, signal: cli.signal };
  const { saved, kind } = facts;
  if (!saved) return false;
  const renamed = await store.state(call);
  if (renamed?.kind !== kind || !renamed?.current) return false;
  if (kind === "records") {
    const values = [...((await store.peekRecords(call)) ?? new Map<string, Buffer>()).values()];
    return values.length === saved.files && values.reduce((sum, { length }) => sum + length, 0) === saved.bytes;
  }
  return renamed.generations.some(
    ({ files, bytes, at }) => saved.files === files && saved.bytes === bytes && at >= saved.at,
  );
}

/** A session of the new name that is another one. The library tells whether it is: here only what is told before. */
async function refuseTaken(cli: Cli, { store, session, facts }: MeantSession, newSession: string): Promise<void> {
  const there: SessionFacts | undefined = await store.facts({ session: newSession, signal: cli.signal });
  const { saved } = there ?? {};
  // The same size: the copy of a rename that was interrupted, most likely.
  if (!there || !saved || (!there.deleted && isSameSize(facts, there))) return;
  if (there.deleted) {
    cli.note(`${sessionWords(there)} has had this name: ${undeleteHint(there)} Not any more once this is renamed.`);
    return;
  }
  throw new VaultError("CONFLICT", `Could not rename ${session}: ${sessionWords(there)} has the name.`, {
    hint: "Nothing was changed. Choose another name, or `wa-vault delete` that session first.",
  });
}

function isSameSize(one: SessionFacts, other: SessionFacts): boolean {
  return one.saved?.files === other.saved?.files && one.saved?.bytes === other.saved?.bytes;
}
