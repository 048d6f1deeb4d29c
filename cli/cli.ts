import { createInterface } from "node:readline/promises";
import { hasSecret, parseAddress } from "../address/parse-address.ts";
import { type AddressedStore, storeFromUrl } from "../address/store-from-url.ts";
import { VaultError } from "../lib/errors.ts";
import type { Output } from "./terminal/output.ts";
import { Progress } from "./terminal/progress.ts";

/** The options that every command takes. */
export interface CommonOptions {
  readonly store?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** What a command works with. */
export class Cli {
  readonly out: Output;
  readonly err: Output;
  /** Aborts when the person ends the command. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  readonly #stdin: NodeJS.ReadStream;
  readonly #stderr: NodeJS.WritableStream;
  readonly #opened: AddressedStore[] = [];

  constructor(parts: {
    out: Output;
    err: Output;
    signal: AbortSignal;
    env: NodeJS.ProcessEnv;
    stdin: NodeJS.ReadStream;
    stderr: NodeJS.WritableStream;
  }) {
    this.out = parts.out;
    this.err = parts.err;
    this.signal = parts.signal;
    this.env = parts.env;
    this.#stdin = parts.stdin;
    this.#stderr = parts.stderr;
  }

  /** Opens the store that the person names; it is closed when the command ends. */
  async store({ store }: CommonOptions): Promise<AddressedStore> {
    if (store !== undefined && hasSecret(parseAddress(store))) {
      throw new VaultError("INVALID", "The address has a password, which others can read in the list of processes.", {
        hint: "Put the address into WA_VAULT_STORE, or into a file that WA_VAULT_STORE_FILE names.",
      });
    }
    if (store === undefined && this.env.WA_VAULT_STORE === undefined && this.env.WA_VAULT_STORE_FILE === undefined) {
      throw new VaultError("INVALID", "No store is named.", {
        hint: "Name it with `--store file:./sessions` or another address, or set WA_VAULT_STORE (docs/stores.md).",
      });
    }
    const onWarning = (message: string): void => this.warn(message);
    const opened = await storeFromUrl(store, { env: this.env, onWarning });
    this.#opened.push(opened);
    return opened;
  }

  /** Prints a value for programs: one line of JSON. */
  json(value: unknown): void {
    this.out.line(JSON.stringify(value));
  }

  /** Runs long work, and shows a person how far it is while it runs. */
  async progress<T>(work: (show: (text: string) => void) => Promise<T>): Promise<T> {
    const progress = new Progress(this.err);
    try {
      return await work((text) => progress.show(text));
    } finally {
      progress.end();
    }
  }

  /** Tells a person something that is neither the result nor an error. */
  note(text: string): void {
    this.err.line(text);
  }

  warn(message: string): void {
    this.err.line(`${this.err.paint("warning", "warning:")} ${message}`);
  }

  /**
   * Asks before something is removed or replaced.
   * @throws `CANCELLED` when the person does not agree; `INVALID` when nobody is there to be asked
   */
  async confirm(question: string, { yes = false }: CommonOptions): Promise<void> {
    if (yes) return;
    if (this.#stdin.isTTY !== true || !this.err.isTerminal) {
      throw new VaultError("INVALID", `Nobody is there to be asked: ${question}`, { hint: "Say yes with `--yes`." });
    }
    const reader = createInterface({ input: this.#stdin, output: this.#stderr });
    try {
      const answer = await reader.question(`${question} [y/N] `, { signal: this.signal });
      if (!/^y(?:es)?$/i.test(answer.trim())) throw new VaultError("CANCELLED", "Nothing was changed.");
    } finally {
      reader.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((store) => store.close()));
  }
}
