import type { PublicClient } from "../browser/client.ts";
import { VaultError } from "../errors.ts";

/** Lets a strategy belong to one client at a time: whatsapp-web.js does not say for which client it calls a hook. */
export class OneClient {
  readonly #strategy: string;
  #client: PublicClient | undefined;
  #isInUse = false;

  /** @param strategy its name, for the error */
  constructor(strategy: string) {
    this.#strategy = strategy;
  }

  /**
   * For `setup`.
   * @param isOver whether the last run of the client before has ended by itself
   * @returns whether the client before was another one
   * @throws `INVALID` when another client uses the strategy
   */
  setUp(client: PublicClient, isOver: boolean): boolean {
    const isOther = this.#client !== undefined && this.#client !== client;
    if (isOther && this.#isInUse && !isOver) {
      throw new VaultError("INVALID", `This ${this.#strategy} belongs to another client already.`, {
        hint: `Make a new ${this.#strategy} for each client, each with a \`clientId\` of its own, or wait for destroy() of the other client.`,
      });
    }
    this.#client = client;
    this.#isInUse = true;
    return isOther;
  }

  /** The client starts. */
  started(): void {
    this.#isInUse = true;
  }

  /** The client was destroyed or logged out, or its start has failed and has left no browser. */
  ended(): void {
    this.#isInUse = false;
  }
}
