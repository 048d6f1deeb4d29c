import type { Command } from "commander";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { Cli, CommonOptions } from "../cli.ts";

/** The options of every command that may replace what is there. */
export interface ReplaceOptions extends CommonOptions {
  readonly replace?: boolean;
}

/** Adds the option of every command that may replace what is there. */
export function withReplace(command: Command): Command {
  return command.option("--replace", "replace what is there, without a question");
}

/**
 * Does `work`, which replaces nothing unless it is told to. Where something else is there, a person is asked.
 * @param question asked after the reason of `work`, or what makes it then; `undefined` where nobody is asked, as for one of
 *   several sessions: then `--yes` does not replace either
 * @param isOther whether a `CONFLICT` says that something else is there. @default the one of `copySession`
 * @throws `CONFLICT` when something else is there and nobody can be asked; `CANCELLED` when the person says no
 */
export async function unlessReplaced<T>(
  cli: Cli,
  question: string | (() => Promise<string>) | undefined,
  options: ReplaceOptions,
  work: (replace: boolean) => Promise<T>,
  isOther: (error: VaultError) => boolean = hasAnotherVersion,
): Promise<T> {
  if (replacesAtOnce(options, question === undefined)) return await work(true);
  try {
    return await work(false);
  } catch (error) {
    if (!isVaultError(error, "CONFLICT") || !isOther(error)) throw error;
    if (question === undefined || !cli.canAsk) throw withHint(error, REPLACES);
    const text = typeof question === "string" ? question : await question();
    cli.note(error.message);
    await cli.confirm(text, {});
  }
  return await work(true);
}

/** Whether a `CONFLICT` of a copy is of its target: a source that has changed meanwhile is one as well. */
export function hasAnotherVersion({ message }: VaultError): boolean {
  return message.startsWith("The target has another version");
}

const REPLACES = "Nothing was changed. `--replace` replaces what is there.";

/** The same error with a hint for a person at a terminal. */
export function withHint({ code, message, cause }: VaultError, hint: string): VaultError {
  return new VaultError(code, message, { cause, hint });
}

/** Whether another version would be replaced without a question. */
export function replacesAtOnce({ replace, yes }: ReplaceOptions, isOneOfSeveral: boolean): boolean {
  return replace === true || (yes === true && !isOneOfSeveral);
}

/** What a dry run says of a target that has another version: whether it would be replaced, asked about or refused. */
export function replaceWords(cli: Cli, options: ReplaceOptions, isOneOfSeveral: boolean): string {
  if (replacesAtOnce(options, isOneOfSeveral)) return "it would be replaced";
  if (cli.canAsk && !isOneOfSeveral) return "you would be asked whether it is replaced";
  return "it would be refused without `--replace`";
}
