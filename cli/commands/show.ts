import type { Command } from "commander";
import { peekAuthState } from "../../lib/baileys/peek-auth-state.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { HistoryEntry, SessionDetails } from "../../lib/store.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { errorJson } from "../error-json.ts";
import { entryJson } from "../look/entry-json.ts";
import { factsJson } from "../look/facts-json.ts";
import { generationRows } from "../look/generation-rows.ts";
import { historyRows } from "../look/history-rows.ts";
import { type RecordsFacts, sessionFacts } from "../look/session-facts.ts";
import { withExamples, withStore } from "../options.ts";
import { SESSION, sessionMeant } from "../session-argument.ts";
import { facts } from "../terminal/facts.ts";

interface ShowOptions extends CommonOptions {
  readonly history?: boolean;
}

export function addShow(program: Command, cli: Cli): void {
  const command = withStore(program.command("show"))
    .description("Show all that is known of one session: what is saved, what a restore brings, which process has it.")
    .argument("<session>", SESSION)
    .helpGroup("Look:")
    .option("--history", "also every entry of its log, newest first")
    .action((session: string, options: ShowOptions) => show(cli, session, options));
  withExamples(command, [
    ["show support --store file:./sessions", "the session that the bot calls support"],
    ["show Baileys-support --history", "what has become of a session of Baileys, of the store in WA_VAULT_STORE"],
  ]);
}

async function show(cli: Cli, given: string, options: ShowOptions): Promise<void> {
  const { signal } = cli;
  const store = await cli.store(options);
  const session = await sessionMeant(store, given, { signal });
  const details = await store.facts({ session, details: true, signal });
  if (!details) throw new VaultError("ABSENT", `There is no session ${session}.`);
  const records = details.kind === "records" && !details.deleted ? await recordsOf(store, session, signal) : undefined;
  const history: HistoryEntry[] = [];
  if (options.history) for await (const entry of store.history({ session, signal })) history.push(entry);
  if (options.json) {
    return cli.json({
      store: store.address,
      ...factsJson(details),
      ...(records ? { records: "problem" in records ? { problem: errorJson(records.problem) } : records } : {}),
      ...(options.history ? { history: history.map((entry) => entryJson(entry, errorJson)) } : {}),
    });
  }
  print(cli, details, records, history);
}

function print(
  cli: Cli,
  details: SessionDetails,
  records: RecordsFacts | undefined,
  history: readonly HistoryEntry[],
): void {
  const { out } = cli;
  out.line(out.paint("strong", details.session));
  for (const line of facts(sessionFacts(details, records), out.width)) out.line(line);
  if (details.kept.length > 0) {
    out.line();
    for (const line of generationRows(details, out)) out.line(line);
  }
  if (history.length > 0) {
    out.line();
    for (const line of historyRows(history, out)) out.line(line);
  }
}

/** Whether a phone has linked the bot, and how many records it has. Its number is not told. */
async function recordsOf(store: Vault, session: string, signal: AbortSignal): Promise<RecordsFacts> {
  try {
    const found = await peekAuthState({ store, session, signal });
    return { records: found?.records ?? 0, registered: found?.registered ?? false };
  } catch (error) {
    if (!isVaultError(error, "CORRUPT") && !isVaultError(error, "WRONG_KEY")) throw error;
    return { problem: error };
  }
}
