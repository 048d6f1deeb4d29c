import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { VaultError } from "../../lib/errors.ts";

/**
 * Asks for texts that nobody may see, one after the other, until one is empty.
 * @throws `CANCELLED` when the person ends the input, with Ctrl-C or Ctrl-D; the reason of the signal
 */
export async function askHidden(
  questions: readonly string[],
  { input, output, signal }: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream; signal: AbortSignal },
): Promise<string[]> {
  signal.throwIfAborted();
  // What is typed goes to nowhere. A terminal is told not to show it by itself, too.
  const nowhere = new Writable({ write: (_, __, done) => done() });
  const reader = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  const ended = new AbortController();
  reader.once("SIGINT", () => ended.abort());
  reader.once("close", () => ended.abort());
  const lines: string[] = [];
  let wanted: ((line: string) => void) | undefined;
  // Lines that are pasted together come together.
  reader.on("line", (line) => {
    if (wanted) wanted(line);
    else lines.push(line);
    wanted = undefined;
  });
  try {
    const answers: string[] = [];
    for (const question of questions) {
      output.write(question);
      const line =
        lines.shift() ??
        (await nextLine(
          (resolve) => {
            wanted = resolve;
          },
          ended.signal,
          signal,
        ));
      answers.push(line);
      output.write("\n");
      if (line === "") break;
    }
    return answers;
  } catch (error) {
    output.write("\n");
    throw error;
  } finally {
    reader.close();
  }
}

async function nextLine(
  wait: (resolve: (line: string) => void) => void,
  ended: AbortSignal,
  signal: AbortSignal,
): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    const cancel = (): void =>
      reject(signal.aborted ? signal.reason : new VaultError("CANCELLED", "Nothing was changed."));
    if (ended.aborted || signal.aborted) return cancel();
    ended.addEventListener("abort", cancel, { once: true });
    signal.addEventListener("abort", cancel, { once: true });
    wait(resolve);
  });
}
