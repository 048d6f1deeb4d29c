import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { withSignal } from "../../lib/async/deadline.ts";
import { VaultError } from "../../lib/errors.ts";

/**
 * Asks a person at a terminal. Lines that were typed ahead, or pasted, answer the next questions. The terminal is read only
 * while a question is open: at any other time Ctrl-C reaches the process.
 */
export class Questions {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WritableStream;
  readonly #lines: string[] = [];
  /** What is typed of a line that has not ended. */
  #begun = "";
  #hasEnded = false;
  #wake = (): void => {};
  readonly #end = (): void => {
    this.#hasEnded = true;
    this.#wake();
  };

  constructor(input: NodeJS.ReadStream, output: NodeJS.WritableStream) {
    this.#input = input;
    this.#output = output;
  }

  /**
   * The answer, without blanks around it.
   * @throws `CANCELLED` when the person ends the input (Ctrl-C, Ctrl-D); the reason of the signal
   */
  async ask(question: string, signal: AbortSignal): Promise<string> {
    const [answer = ""] = await this.#answers([`${question} `], false, signal);
    return answer.trim();
  }

  /**
   * The answers to one question after the other, until one is empty: what is typed is not shown.
   * @throws as {@link ask}
   */
  async askHidden(questions: readonly string[], signal: AbortSignal): Promise<string[]> {
    return await this.#answers(questions, true, signal);
  }

  async #answers(questions: readonly string[], isHidden: boolean, signal: AbortSignal): Promise<string[]> {
    signal.throwIfAborted();
    if (this.#input.readableEnded) this.#hasEnded = true;
    const reader = this.#open(isHidden);
    const answers: string[] = [];
    try {
      for (const question of questions) {
        reader.setPrompt(question);
        reader.prompt();
        // A reader that shows nothing does not show its questions either.
        if (isHidden) this.#output.write(question);
        reader.write(this.#begun);
        this.#begun = "";
        const isAhead = this.#lines.length > 0;
        const line = await this.#line(signal);
        if (isHidden || isAhead) this.#output.write("\n");
        answers.push(line);
        if (line === "") break;
      }
      return answers;
    } catch (error) {
      this.#output.write("\n");
      throw error;
    } finally {
      this.#begun = reader.line;
      reader.off("close", this.#end);
      reader.close();
    }
  }

  async #line(signal: AbortSignal): Promise<string> {
    while (this.#lines.length === 0 && !this.#hasEnded) {
      const typed = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await withSignal(typed, signal);
    }
    const line = this.#lines.shift();
    if (line !== undefined) return line;
    throw new VaultError("CANCELLED", "Nothing was changed.");
  }

  #open(isHidden: boolean): Interface {
    const output = isHidden ? new Writable({ write: (_, __, done) => done() }) : this.#output;
    // As a terminal, so that it does not show by itself what is typed.
    const reader = createInterface({ input: this.#input, output, terminal: true, historySize: 0 });
    reader.on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    reader.on("close", this.#end);
    // A terminal that a reader has does not send this signal to the process.
    reader.on("SIGINT", () => reader.close());
    return reader;
  }
}
