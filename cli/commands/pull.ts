import { type Command, Option } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { type PullForm, type PullReport, placeOf, pullSession } from "../../lib/local-session/pull-session.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { sessionMeant } from "../session-argument.ts";
import { contentWords, parseGeneration, stepWords } from "../session-file/words.ts";

interface Options extends CommonOptions {
  readonly as?: PullForm;
  readonly generation?: number;
}

const FORMS: readonly PullForm[] = ["profile", "local-auth", "zip", "multi-file"];

export function addPull(program: Command, cli: Cli): void {
  const command = withChange(withStore(program.command("pull")))
    .summary("Write a session to this machine, as other bots keep it")
    .description("Write a session to this machine, as bots without the store keep it.")
    .argument("<session>", "the session, by its name or by the name in the bot's code")
    .argument("<target>", "the folder or the zip that is written")
    .addOption(
      new Option("--as <form>", "its form (default: by the kind of the session and the name of the target)").choices(
        FORMS,
      ),
    )
    .option("--generation <number>", "an older generation instead of the current one", parseGeneration)
    .helpGroup("Keep:")
    .action((session: string, target: string, options: Options) => run(cli, session, target, options));
  withExamples(command, [
    ["pull support .wwebjs_auth", ".wwebjs_auth/session-support, for a LocalAuth"],
    ["pull support RemoteAuth-support.zip", "the zip of a RemoteAuth"],
    ["pull sales ./baileys_auth_info", "the files of useMultiFileAuthState"],
  ]);
}

async function run(cli: Cli, given: string, target: string, options: Options): Promise<void> {
  if (target === "-") {
    throw new VaultError("INVALID", "A session is not written to a pipe.", { hint: "Name a folder, or a zip." });
  }
  const store = await cli.store(options);
  const session = await sessionMeant(store, given, { signal: cli.signal });
  const { generation, as } = options;
  if (options.dryRun) {
    const state = await store.state({ session, signal: cli.signal });
    const place = placeOf(session, state?.kind ?? "profile", { to: target, as });
    const number = generation ?? state?.current?.generation;
    if (options.json) return cli.json({ store: store.address, session, dryRun: true, ...place, generation: number });
    return cli.out.line(`Would write ${session} to ${place.path}, as ${place.as}.`);
  }
  const call = (overwrite: boolean): Promise<PullReport> =>
    cli.progress(async (show) => {
      const onWarning = (message: string): void => cli.warn(message);
      const places = { from: store, session, to: target, as, generation, overwrite };
      return await pullSession({
        ...places,
        onWarning,
        signal: cli.signal,
        onProgress: (at) => show(stepWords(at)),
      });
    });
  const report = await call(false).catch(async (error: unknown) => {
    if (!isVaultError(error, "CONFLICT")) throw error;
    cli.note(error.message);
    await cli.confirm("Replace what is there? It is kept beside it.", options);
    return await call(true);
  });
  for (const { generation: newer, code } of report.skipped) cli.warn(`Generation ${newer} is not whole (${code}).`);
  if (report.heldBy !== undefined) {
    cli.warn(`${report.heldBy} has the session in the store: two bots with one session log each other out.`);
  }
  if (report.kept !== undefined) cli.note(`What was there is ${report.kept} now.`);
  if (options.json) return cli.json({ store: store.address, ...report });
  const kind = report.as === "multi-file" ? "records" : "profile";
  cli.out.line(`${report.path} has ${session} (${contentWords(report, kind)}), as ${report.as}.`);
}
