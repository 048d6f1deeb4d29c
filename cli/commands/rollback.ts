import { type Command, Option } from "commander";
import { VaultError } from "../../lib/errors.ts";
import type { GenerationInfo, SessionState } from "../../lib/store.ts";
import { underLease, type WaitOptions, withWait } from "../change/lease.ts";
import { refuseRisk, riskWords } from "../change/rollback-risk.ts";
import { openSession, refuseAbsent } from "../change/session.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { chooseGeneration } from "../generation-argument.ts";
import { generationRows } from "../look/generation-rows.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { SESSION } from "../session-argument.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";

/** How a person names a generation. */
export interface RollbackOptions extends CommonOptions, WaitOptions {
  readonly proven?: boolean;
  readonly steps?: number;
  readonly rejected?: boolean;
  readonly otherPhone?: boolean;
}

export function addRollback(program: Command, cli: Cli): void {
  const command = withWait(withChange(withStore(program.command("rollback"))))
    .description("Make an older version of a browser's session the current one. Nothing is deleted.")
    .argument("<session>", SESSION)
    .argument("[generation]", "its number; without one the kept versions are listed, and you are asked")
    .addOption(
      new Option("--proven", "the newest one that a bot was ready with, and that was not refused").conflicts("steps"),
    )
    .option("--steps <n>", "so many kept versions back", wholeNumber)
    .option("--rejected", "also to one that WhatsApp has refused")
    .option("--other-phone", "also to one of another phone")
    .helpGroup("Repair:")
    .action((given: string, generation: string | undefined, options: RollbackOptions) =>
      rollback(cli, given, generation, options),
    );
  withExamples(command, [
    ["rollback support", "list the versions of RemoteAuth-support, and ask which one"],
    ["rollback support 41", "make generation 41 the current one"],
    ["rollback support --proven --yes", "go back to the last one that worked, without a question"],
  ]);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new VaultError("INVALID", `Expected \`--steps\` to be a whole number from 1, got \`${text.slice(0, 20)}\`.`);
}

async function rollback(cli: Cli, given: string, number: string | undefined, options: RollbackOptions): Promise<void> {
  const meant = await openSession(cli, given, options);
  const { store, session, facts } = meant;
  if (facts.kind === "records") throw ofBaileys(session, await store.state({ session, signal: cli.signal }));
  refuseAbsent("roll back", facts);
  const state = await store.state({ session, signal: cli.signal });
  const current = state?.current;
  if (!state || !current) throw new VaultError("ABSENT", `There is no session ${session} any more.`);
  const wanted = chooseGeneration(session, state, number, options) ?? (await askWhich(cli, session, state));
  const told = { store: store.address, session, generation: wanted.generation, before: current.generation };
  if (wanted.generation === current.generation) {
    if (options.json) return cli.json({ ...told, unchanged: true });
    return cli.out.line(`Generation ${wanted.generation} is the current one of ${session} already.`);
  }
  const risk = riskWords(current, wanted);
  if (options.dryRun) {
    if (options.json) return cli.json({ ...told, dryRun: true, wanted, current });
    return cli.out.line(`Would roll ${session} back: ${changeWords(current, wanted)}.${risk}`);
  }
  // Who is asked sees what is special; a program has to say that it knows.
  if (options.yes) refuseRisk(session, current, wanted, options);
  await cli.confirm(`Roll ${session} back: ${changeWords(current, wanted)}?${risk}`, options);
  const { generation } = wanted;
  await underLease(cli, meant, options, (lease) => store.rollback({ session, lease, generation, signal: cli.signal }));
  if (options.json) return cli.json({ ...told, unchanged: false });
  cli.out.line(`Generation ${generation} of ${session} is the current one now; ${current.generation} is kept.`);
}

/** Lists what is kept, and asks. */
async function askWhich(cli: Cli, session: string, state: SessionState): Promise<GenerationInfo> {
  const shown = { kind: state.kind, kept: state.generations, saved: state.current };
  const numbers = state.generations.map(({ generation }) => generation).join(", ");
  for (const line of generationRows(shown, cli.err)) cli.err.line(line);
  const hint = `Name one of ${numbers}, or \`--proven\`, or \`--steps 1\`.`;
  const answer = await cli.ask(`Which generation of ${session} shall be the current one?`, hint);
  if (answer === "") throw new VaultError("CANCELLED", "Nothing was changed.");
  const wanted = chooseGeneration(session, state, answer, {});
  if (wanted) return wanted;
  throw new VaultError("INVALID", "No generation is named.", { hint });
}

function changeWords(current: GenerationInfo, wanted: GenerationInfo): string {
  const words = ({ generation, at, bytes }: GenerationInfo): string =>
    `generation ${generation} (saved ${ageWords(at)}, ${sizeWords(bytes)})`;
  return `${words(wanted)} instead of ${words(current)}`;
}

function ofBaileys(session: string, state: SessionState | undefined): VaultError {
  const why = "it is a session of Baileys, and a rollback would use sending counters again";
  // Of a deleted session nothing is taken out.
  const earlier = state?.current ? state.generations.filter(({ beforeDeletion }) => beforeDeletion) : [];
  const numbers = earlier.map(({ generation }) => generation).join(", ");
  const last = earlier.at(-1)?.generation;
  const back =
    last === undefined
      ? "`wa-vault undelete` takes a deletion back; else link again."
      : `Of earlier links, which were replaced, generation ${numbers} is kept: \`wa-vault export ${session} ${session}.wavault --generation ${last}\` ` +
        `and \`wa-vault import ${session}.wavault --replace\` bring it back. \`wa-vault undelete\` takes a deletion back.`;
  return new VaultError("INVALID", `Could not roll ${session} back: ${why}.`, {
    hint: `Contacts drop messages with a counter that they have seen, and nobody is told. ${back}`,
  });
}
