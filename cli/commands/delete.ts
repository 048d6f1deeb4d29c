import { createHash } from "node:crypto";
import { type Command, Option } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { underLease, untilFree, type WaitOptions, withWait } from "../change/lease.ts";
import { factsOf, type MeantSession, openSession, sessionWords, undeleteHint, untilWords } from "../change/session.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { durationOf } from "../duration.ts";
import { factsJson } from "../look/facts-json.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION } from "../session-argument.ts";
import { durationWords } from "../terminal/words.ts";

interface DeleteOptions extends CommonOptions, WaitOptions {
  readonly retain?: number;
  readonly now?: boolean;
}

/** That of a store which is opened without `retainDeletedMs`. */
const RETAIN_MS = 7 * 24 * 60 * 60 * 1000;

export function addDelete(program: Command, cli: Cli): void {
  const command = withWait(withChange(withStore(program.command("delete"))))
    .description("Delete a session. `undelete` brings it back for a while.")
    .argument("<session>", SESSION)
    .option("--retain <duration>", "how long it can be brought back (default: 7d)", durationOf("--retain"))
    .addOption(new Option("--now", "delete it for good: nothing brings it back").conflicts("retain"))
    .helpGroup("Change:")
    .action((given: string, options: DeleteOptions) => remove(cli, given, options));
  withExamples(command, [
    ["delete support", "delete RemoteAuth-support; it can be brought back for 7 days"],
    ["delete support --retain 30d --yes", "for 30 days, without a question"],
    ["delete support --now", "for good"],
  ]);
}

async function remove(cli: Cli, given: string, options: DeleteOptions): Promise<void> {
  const retainMs = options.now ? 0 : (options.retain ?? RETAIN_MS);
  const meant = await openFree(cli, given, options);
  const { store, session, facts } = meant;
  const told = { store: store.address, session };
  const isForGood = retainMs === 0;
  if (!facts.saved && !facts.deleted) {
    throw new VaultError("ABSENT", `Could not delete ${session}: nothing was ever saved for it.`);
  }
  if (facts.deleted && !(isForGood && facts.saved)) {
    if (options.json) return cli.json({ ...told, unchanged: true, deleted: facts.deleted });
    return cli.out.line(`${sessionWords(facts)} is deleted already. ${undeleteHint(facts)}`);
  }
  const after = isForGood
    ? "for good: nothing brings it back, and its bot must be linked anew"
    : `for ${durationWords(retainMs)} \`wa-vault undelete\` brings it back`;
  if (options.dryRun) {
    if (options.json) return cli.json({ ...told, dryRun: true, retainMs, facts: factsJson(facts) });
    return cli.out.line(`Would delete ${sessionWords(facts)}: ${after}.`);
  }
  const content = isForGood ? await contentOf(cli, meant) : undefined;
  await cli.confirm(`Delete ${sessionWords(facts)}? ${after[0]?.toUpperCase()}${after.slice(1)}.`, options);
  await underLease(cli, meant, options, async (lease) => {
    if (isForGood) await refuseOther(cli, meant, content);
    await store.delete({ session, lease, retainMs, signal: cli.signal });
  });
  const now = await store.facts({ session, signal: cli.signal });
  if (options.json) return cli.json({ ...told, unchanged: false, deleted: now?.deleted });
  const back =
    isForGood || !now?.deleted ? "Nothing is left of it." : `It can be brought back ${untilWords(now.deleted.until)}.`;
  cli.out.line(`Deleted ${session}. ${back}`);
}

/** A bot that ends saves once more: what is deleted for good is looked at after that, so that a person sees the last version. */
async function openFree(cli: Cli, given: string, options: DeleteOptions): Promise<MeantSession> {
  const meant = await openSession(cli, given, options);
  const isForGood = options.now === true || options.retain === 0;
  if (!isForGood || options.dryRun || !options.wait) return meant;
  await untilFree(cli, meant, options);
  return await factsOf(cli, meant.store, meant.session);
}

/**
 * To be called under the lease: what was stored, or brought back, since the person was asked is not deleted for good.
 * @param content of the session as the person was told of it
 * @throws `CONFLICT`
 */
async function refuseOther(cli: Cli, meant: MeantSession, content: string | undefined): Promise<void> {
  const { store, session, facts } = meant;
  const now = await store.facts({ session, signal: cli.signal });
  if (!now?.saved) return;
  const isSame =
    (now.deleted !== undefined || facts.deleted === undefined) &&
    (await contentOf(cli, { ...meant, facts: now })) === content;
  if (isSame) return;
  throw new VaultError(
    "CONFLICT",
    `Could not delete ${session}: it is another one than before: ${sessionWords(now)}.`,
    {
      hint: "Nothing was changed: it was stored, or brought back, a moment ago. Look at it, and run the command again.",
    },
  );
}

/** Equal for two looks at a session that find the same. Changes of records make no new generation until they are put together. */
async function contentOf(cli: Cli, { store, session, facts }: MeantSession): Promise<string | undefined> {
  const id = facts.saved?.id;
  if (facts.kind !== "records" || facts.deleted) return id;
  const { signal } = cli;
  try {
    const records = await store.peekRecords({ session, signal });
    const hash = createHash("sha256");
    for (const [key, value] of [...(records ?? [])].sort(([one], [other]) => (one < other ? -1 : 1))) {
      hash.update(`${Buffer.byteLength(key)} ${value.length} ${key}`).update(value);
    }
    return hash.digest("hex");
  } catch (error) {
    // Nobody could use what is damaged, or has no key, whatever has changed in it.
    if (isVaultError(error, "CORRUPT") || isVaultError(error, "WRONG_KEY")) return id;
    throw error;
  }
}
