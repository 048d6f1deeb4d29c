import { encryptionFromEnvironment, OF_TARGET } from "../address/encryption-from-environment.ts";
import { fromEnvironment } from "../address/environment.ts";
import { hasSecret, parseAddress } from "../address/parse-address.ts";
import { type AddressedStore, type StoreFromUrlOptions, storeFromUrl } from "../address/store-from-url.ts";
import { VaultError } from "../lib/errors.ts";
import type { Output } from "./terminal/output.ts";
import { Progress } from "./terminal/progress.ts";
import { Questions } from "./terminal/questions.ts";
import { safeJson, safeLines, safeText } from "./terminal/width.ts";

/** The options that every command takes. */
export interface CommonOptions {
  readonly store?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** The options that name the store which sessions go to. */
export interface TargetOptions {
  readonly to?: string;
  readonly toUnencrypted?: boolean;
}

/**
 * How many generations a store of the command keeps: nobody tells it how many the bots of this store want, and for how long
 * they want those of another phone, so that it leaves to them what goes. Of a session that no bot saves, a thousand stay.
 */
const KEEP: number = Number.POSITIVE_INFINITY;

/** What a command works with. */
export class Cli {
  readonly out: Output;
  readonly err: Output;
  /** Aborts when the person ends the command. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  readonly #stdin: NodeJS.ReadStream;
  readonly #questions: Questions;
  readonly #opened: { close(): Promise<unknown> }[] = [];

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
    this.#questions = new Questions(parts.stdin, parts.stderr);
  }

  /** Opens the store that the person names; it is closed when the command ends. */
  async store({ store }: CommonOptions): Promise<AddressedStore> {
    refuseSecret(store, "WA_VAULT_STORE");
    if (store === undefined && this.env.WA_VAULT_STORE === undefined && this.env.WA_VAULT_STORE_FILE === undefined) {
      throw new VaultError("INVALID", "No store is named.", {
        hint: "Name it with `--store file:./sessions` or another address, or set WA_VAULT_STORE (docs/stores.md).",
      });
    }
    return await this.#open(store, {});
  }

  /**
   * Opens the store that sessions go to, which has a key of its own: that of `WA_VAULT_TO_KEY` or `WA_VAULT_TO_PASSPHRASE`.
   * Without one it has the key of the other store: nothing is stored unencrypted by an oversight.
   */
  async targetStore({ to, toUnencrypted = false }: TargetOptions): Promise<AddressedStore> {
    refuseSecret(to, "WA_VAULT_TO_STORE");
    const address = to ?? (await fromEnvironment(this.env, "WA_VAULT_TO_STORE"));
    if (address === undefined) {
      throw new VaultError("INVALID", "No target is named.", {
        hint: "Name it by `--to`, or by WA_VAULT_TO_STORE: an address such as `file:./sessions` or `s3://bucket/folder`.",
      });
    }
    const encryption = await encryptionFromEnvironment(this.env, OF_TARGET);
    if (!toUnencrypted) return await this.#open(address, { encryption });
    if (encryption !== undefined) {
      throw new VaultError("INVALID", "The target has a key, and `--to-unencrypted` says that it shall have none.");
    }
    return await this.#open(address, { env: {} });
  }

  async #open(address: string | undefined, options: StoreFromUrlOptions): Promise<AddressedStore> {
    const onWarning = (message: string): void => this.warn(message);
    const opened = await storeFromUrl(address, { env: this.env, onWarning, keep: KEEP, ...options });
    this.#opened.push(opened);
    return opened;
  }

  /** Closes `client` when the command ends. */
  closeAtEnd(client: { close(): Promise<unknown> }): void {
    this.#opened.push(client);
  }

  /** Prints a value for programs: one line of JSON. Durations become whole numbers. */
  json(value: unknown): void {
    const whole = (name: string, one: unknown): unknown =>
      typeof one === "number" && /^ms$|Ms$/.test(name) ? Math.round(one) : one;
    this.out.line(safeJson(value, whole));
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
    this.err.line(`${this.err.paint("warning", "warning:")} ${safeLines(message, false)}`);
  }

  /** Whether a person is there to be asked. */
  get canAsk(): boolean {
    return this.#stdin.isTTY === true && this.err.isTerminal;
  }

  /**
   * Asks for texts that nobody may see, one after the other until one is empty: what is typed is not shown.
   * @throws `CANCELLED` when the person ends the input
   */
  async askHidden(questions: readonly string[]): Promise<string[]> {
    return await this.#questions.askHidden(questions.map(safeText), this.signal);
  }

  /**
   * Asks before something is removed or replaced.
   * @throws `CANCELLED` when the person does not agree; `INVALID` when nobody is there to be asked
   */
  async confirm(question: string, { yes = false }: CommonOptions): Promise<void> {
    if (yes) return;
    const answer = await this.ask(`${question} [y/N]`, "Say yes with `--yes`.");
    if (!/^y(?:es)?$/i.test(answer)) throw new VaultError("CANCELLED", "Nothing was changed.");
  }

  /**
   * Asks a question.
   * @param hint what a program does instead
   * @returns the answer, without blanks around it
   * @throws `INVALID` when nobody is there to be asked
   */
  async ask(question: string, hint: string): Promise<string> {
    if (!this.canAsk) {
      throw new VaultError("INVALID", `Nobody is there to be asked: ${question.replace(" [y/N]", "")}`, { hint });
    }
    return await this.#questions.ask(safeText(question), this.signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((store) => store.close()));
  }
}

/** @throws `INVALID` when the address has a password */
export function refuseSecret(address: string | undefined, variable: string): void {
  if (address === undefined || !hasSecret(parseAddress(address))) return;
  throw new VaultError("INVALID", "The address has a password, which others can read in the list of processes.", {
    hint: `Put the address into ${variable}, or into a file that ${variable}_FILE names.`,
  });
}
