import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { VaultError } from "../../lib/errors.ts";

/** Asks a person. Lines that were typed ahead, or pasted, answer the next questions. */
export class Questions {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WritableStream;
  readonly #lines: string[] = [];
  #reader: Interface | undefined;
  #hasEnded = false;

  constructor(input: NodeJS.ReadStream, output: NodeJS.WritableStream) {
    this.#input = input;
    this.#output = output;
  }

  /**
   * The answer, without blanks around it.
   * @throws `CANCELLED` when the person ends the input (Ctrl-C, Ctrl-D); the reason of the signal
   */
  async ask(question: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const reader = this.#open();
    reader.setPrompt(`${question} `);
    reader.prompt();
    while (this.#lines.length === 0 && !this.#hasEnded) {
      await Promise.race([once(reader, "line", { signal }), once(reader, "close", { signal })]).catch(
        (error: unknown) => {
          signal.throwIfAborted();
          throw error;
        },
      );
    }
    const line = this.#lines.shift();
    if (line !== undefined) return line.trim();
    throw new VaultError("CANCELLED", "Nothing was changed.");
  }

  /** To be called at the end: an open input keeps the process. */
  close(): void {
    this.#reader?.close();
  }

  #open(): Interface {
    if (this.#reader) return this.#reader;
    const reader = createInterface({ input: this.#input, output: this.#output });
    this.#reader = reader;
    reader.on("line", (line) => this.#lines.push(line));
    reader.on("close", () => {
      this.#hasEnded = true;
    });
    // A terminal that a reader has does not send this signal to the process.
    reader.on("SIGINT", () => reader.close());
    return reader;
  }
}
