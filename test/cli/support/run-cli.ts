import { PassThrough } from "node:stream";
import { run } from "../../../cli/run.ts";

/** How a command is run. */
export interface RunCli {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Width of the terminal. @default no terminal: a pipe */
  readonly columns?: number;
  /** What the person types. */
  readonly input?: string;
  /** What the person types once a question was asked. */
  readonly answer?: (question: string) => Promise<string>;
}

/** What a command has done. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The only line of stdout, as JSON. */
  json<T = Record<string, unknown>>(): T;
}

/** Runs the command in this process, without a terminal unless it is given a width. */
export async function runCli(args: readonly string[], options: RunCli = {}): Promise<CliResult> {
  const { env = {}, signal = new AbortController().signal, columns, input, answer } = options;
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const terminal = columns === undefined ? {} : { isTTY: true, columns, hasColors: () => env.NO_COLOR === undefined };
  Object.assign(stdout, terminal);
  Object.assign(stderr, terminal);
  Object.assign(stdin, columns === undefined ? {} : { isTTY: true });
  if (input !== undefined) stdin.end(input);
  if (answer) {
    const write = stderr.write.bind(stderr);
    stderr.write = ((text: string) => {
      if (text.includes("[y/N]")) void answer(text).then((typed) => stdin.write(typed));
      return write(text);
    }) as typeof stderr.write;
  }
  const code = await run(args, { stdin: stdin as unknown as NodeJS.ReadStream, stdout, stderr, env, signal });
  const [said, errors] = [textOf(stdout), textOf(stderr)];
  return { code, stdout: said, stderr: errors, json: () => JSON.parse(said) };
}

function textOf(stream: PassThrough): string {
  return String(stream.read() ?? "");
}
