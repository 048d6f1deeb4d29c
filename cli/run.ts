// `cli` is the command `wa-vault`: `main.ts` starts it, `program.ts` lists its commands, `commands/` has one file for each, and
// the other folders have what one command needs (`doctor`, `link`, `migrate`, `serve`) or several share (`change`, `look`,
// `session-file`, `terminal`). It asks, shows and maps; what it does is done by the public parts of `lib` and by `address`.
// Nothing imports it.
import { CommanderError } from "commander";
import { isVaultError, safeMessage, VaultError } from "../lib/errors.ts";
import { Cli } from "./cli.ts";
import { errorJson } from "./error-json.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-codes.ts";
import { hintOf } from "./hints.ts";
import { program } from "./program.ts";
import { Output, type Stream } from "./terminal/output.ts";
import { safeJson, safeLines } from "./terminal/width.ts";

/** What the command has of its process. */
export interface Surroundings {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: NodeJS.ProcessEnv;
  /** Aborts when the person ends the command. */
  readonly signal: AbortSignal;
}

/** Runs the command with the arguments behind its name. @returns its exit code */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdin, stdout, stderr, env, signal } = surroundings;
  const color = args.includes("--no-color") ? false : wantsColor(env);
  const [out, err] = [new Output(stdout, color), new Output(stderr, color)];
  const cli = new Cli({ out, err, signal, env, stdin, stderr });
  const isJson = args.includes("--json");
  const fail = (cause: unknown): number => {
    const error = isWithoutFolder(cause) ? noFolder(cause) : cause;
    if (isJson) err.line(safeJson({ error: errorJson(error) }));
    else print(err, error, isDebugged(env));
    return exitCodeOf(error);
  };
  try {
    const made = program(cli, { isJson });
    if (args.length === 0) made.outputHelp();
    else await made.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and versions end so; what is wrong with the arguments has been printed, unless a program reads it.
      if (error.exitCode === 0) return 0;
      return isJson ? fail(usageError(error)) : EXIT_CODES.INVALID;
    }
    return fail(isEnd(error, signal) ? new VaultError("CANCELLED", "Ended.") : error);
  } finally {
    await cli.close();
  }
}

/** Whether the folder that the process runs in was removed: then no relative path has a meaning, nor what Node asks for. */
function isWithoutFolder(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "syscall") === "uv_cwd";
}

function noFolder(cause: unknown): VaultError {
  return new VaultError("UNAVAILABLE", "The folder that this command was started in is not there any more.", {
    cause,
    hint: "Start it in another folder.",
  });
}

/** Whether a person has ended the command, and it has ended by that. */
function isEnd(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"));
}

/** What is wrong with the arguments, without what commander puts before and after it. */
function usageError({ message }: CommanderError): VaultError {
  const [what = "", ...hint] = message.replace(/^error: /, "").split("\n");
  const more = hint.join(" ").trim();
  return new VaultError("INVALID", what === "" || what === "(outputHelp)" ? "The command is incomplete." : what, {
    hint: more === "" ? "Run the command with --help for its options." : more,
  });
}

/** Whether the environment wants colours or not; `undefined` leaves it to the terminal (https://no-color.org). */
function wantsColor({ NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean | undefined {
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined) return !["0", "false"].includes(FORCE_COLOR);
  return TERM === "dumb" ? false : undefined;
}

/** Whether a person looks for a fault of the program: then errors come with where they were made. */
function isDebugged({ WA_VAULT_DEBUG, DEBUG }: NodeJS.ProcessEnv): boolean {
  return [WA_VAULT_DEBUG, DEBUG].some((value) => value !== undefined && !["", "0"].includes(value));
}

function print(err: Output, error: unknown, isStackShown: boolean): void {
  const stack = isStackShown && error instanceof Error && error.stack !== undefined ? [safeStack(error.stack)] : [];
  const tell = (what: string, message: string): void =>
    err.line(`${err.paint("bad", `${what}:`)} ${safeLines(message, false)}`);
  const add = (text: string): void => err.line(err.paint("faint", safeLines(text, false)));
  if (isVaultError(error)) {
    tell(error.code, error.message);
    const hint = hintOf(error);
    if (hint !== undefined) add(hint);
  } else {
    tell("error", safeMessage(error));
    if (stack.length === 0) add("A fault of the program. WA_VAULT_DEBUG=1 shows where it is.");
  }
  for (const text of stack) err.line(safeLines(text, false));
}

function safeStack(stack: string): string {
  return safeMessage(new Error(stack));
}
