import { basename, dirname } from "node:path";
import { type Command, Option } from "commander";
import type { AddressedStore } from "../../address/store-from-url.ts";
import type { CopyProgress } from "../../lib/copy-session.ts";
import { VaultError } from "../../lib/errors.ts";
import { refusePullInUse } from "../../lib/local-session/held-session.ts";
import { isPlaceFree, type PulledPlace, type PullForm, placeOf } from "../../lib/local-session/place-of-session.ts";
import { type PullReport, pullSession } from "../../lib/local-session/pull-session.ts";
import { type ReplaceOptions, replacesAtOnce, replaceWords, unlessReplaced, withReplace } from "../change/replace.ts";
import type { Cli } from "../cli.ts";
import { parseGeneration } from "../generation-argument.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION, sessionMeant } from "../session-argument.ts";
import { keptGeneration, refusedWords } from "../session-file/kept-generation.ts";
import { contentWords, stepWords } from "../session-file/words.ts";

interface Options extends ReplaceOptions {
  readonly form?: PullForm;
  readonly generation?: number;
}

const FORMS: readonly PullForm[] = ["profile", "local-auth", "zip", "multi-file"];

export function addPull(program: Command, cli: Cli): void {
  const command = withReplace(withChange(withStore(program.command("pull"))))
    .summary("Write a session to this machine, as other bots keep it")
    .description("Write a session to this machine, as bots without the store keep it.")
    .argument("<session>", SESSION)
    .argument("<target>", "the folder or the zip that is written")
    .addOption(
      new Option("--form <form>", "its form (default: by the kind of the session and the name of the target)").choices(
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
  const kind = (await store.state({ session, signal: cli.signal }))?.kind ?? "profile";
  const place = placeOf(session, kind, { to: target, form: options.form });
  const told = { store: store.address, session, ...place, kind };
  if (options.dryRun) return await dryRun(cli, store, told, options);
  const question = "Replace what is there? It is kept beside it.";
  const call = (overwrite: boolean): Promise<PullReport> =>
    pull(cli, { from: store, session, target }, overwrite, options);
  const report = await unlessReplaced(cli, question, options, call, ({ message }) => /^Could not write/.test(message));
  const { generation, rejected, files, bytes, skipped, heldBy, kept, ms } = report;
  for (const { generation: newer, code } of skipped) cli.warn(`Generation ${newer} is not whole (${code}).`);
  if (rejected && generation !== undefined) cli.warn(refusedWords(generation));
  if (heldBy !== undefined) {
    cli.warn(`${heldBy} has the session in the store: two bots with one session log each other out.`);
  }
  if (kept !== undefined) cli.note(`What was there is ${kept} now.`);
  if (options.json) {
    const content = { generation, rejected, files, bytes, skipped, heldBy };
    return cli.json({ ...told, ...content, replaced: kept !== undefined, kept, ms: Math.round(ms) });
  }
  cli.out.line(`${place.path} has ${session} (${contentWords(report, kind)}), as ${place.form}.`);
  if (place.form === "local-auth") cli.out.line(`  ${localAuthWords(place.path)}`);
}

async function pull(
  cli: Cli,
  { from, session, target }: { from: AddressedStore; session: string; target: string },
  overwrite: boolean,
  { generation, form }: Options,
): Promise<PullReport> {
  const { signal } = cli;
  const onWarning = (message: string): void => cli.warn(message);
  return await cli.progress(async (show) => {
    const onProgress = (at: CopyProgress): void => show(stepWords(at));
    const places = { from, session, to: target, form, generation, overwrite };
    return await pullSession({ ...places, onWarning, signal, onProgress });
  });
}

async function dryRun(
  cli: Cli,
  store: AddressedStore,
  told: PulledPlace & { readonly session: string },
  options: Options,
): Promise<void> {
  const { session, path, form } = told;
  const { generation, rejected, files, bytes } = await keptGeneration(store, session, options.generation, cli.signal);
  if (rejected) cli.warn(refusedWords(generation));
  const state = await store.state({ session, signal: cli.signal });
  await refusePullInUse(session, state, { form, path }, cli.signal);
  const exists = !(await isPlaceFree(told));
  const replaces = exists && replacesAtOnce(options, false);
  if (options.json) return cli.json({ ...told, dryRun: true, generation, rejected, files, bytes, exists, replaces });
  const there = exists ? ` Something is there: ${replaceWords(cli, options, false)}.` : "";
  cli.out.line(`Would write ${session} to ${path}, as ${form}.${there}`);
}

/** How a `LocalAuth` opens the profile. */
function localAuthWords(path: string): string {
  const id = basename(path).slice("session-".length);
  const clientId = id === "" ? "no `clientId`" : `\`clientId: ${JSON.stringify(id)}\``;
  return `A LocalAuth with ${clientId} and this \`dataPath\` opens it: ${dirname(path)}`;
}
