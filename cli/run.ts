import { CommanderError } from "commander";
import { isVaultError, VaultError } from "../lib/errors.ts";
import { Cli } from "./cli.ts";
import { errorJson } from "./error-json.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-codes.ts";
import { hintOf } from "./hints.ts";
import { program } from "./program.ts";
import { Output, type Stream } from "./terminal/output.ts";

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
  const color = args.includes("--no-color") ? false : undefined;
  const [out, err] = [new Output(stdout, color), new Output(stderr, color)];
  const cli = new Cli({ out, err, signal, env, stdin, stderr });
  try {
    await program(cli).parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    // Help and versions end so; what is wrong with the arguments has been printed.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.INVALID;
    const shown = signal.aborted && error === signal.reason ? new VaultError("CANCELLED", "Ended.") : error;
    if (args.includes("--json")) err.line(JSON.stringify({ error: errorJson(shown) }));
    else print(err, shown);
    return exitCodeOf(shown);
  } finally {
    await cli.close();
  }
}

function print(err: Output, error: unknown): void {
  if (!isVaultError(error)) {
    err.line(
      `${err.paint("bad", "error:")} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return;
  }
  err.line(`${err.paint("bad", `${error.code}:`)} ${error.message}`);
  const hint = hintOf(error);
  if (hint !== undefined) err.line(err.paint("faint", hint));
}
