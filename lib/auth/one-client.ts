import type { ClientLike, PublicClient } from "../browser/client.ts";
import { VaultError } from "../errors.ts";
import type { BaseAuth } from "./base-auth.ts";
import { NoAuth } from "./no-auth.ts";

/** The field in which whatsapp-web.js keeps the strategy whose hooks it calls. */
type Holder = ClientLike & { authStrategy?: BaseAuth };

/** Lets a strategy belong to one client at a time: whatsapp-web.js does not say for which client it calls a hook. */
export class OneClient {
  readonly #strategy: BaseAuth;
  readonly #name: string;
  #client: PublicClient | undefined;
  #isInUse = false;

  /** @param name of the strategy, for the error */
  constructor(strategy: BaseAuth, name: string) {
    this.#strategy = strategy;
    this.#name = name;
  }

  /** The client that has the strategy; `undefined` before `setup`. */
  get client(): PublicClient | undefined {
    return this.#client;
  }

  /**
   * For `setup`. A client that had the strategy before gets one that keeps no session: it goes on to call hooks, for
   * instance at a second `destroy()`, which would be taken for calls of the new client.
   * @param isOver whether the last run of the client before has ended by itself
   * @returns whether the client before was another one
   * @throws `INVALID` when another client uses the strategy
   */
  setUp(client: PublicClient, isOver: boolean): boolean {
    const isOther = this.#client !== undefined && this.#client !== client;
    if (isOther && this.#isInUse && !isOver) {
      throw new VaultError("INVALID", `This ${this.#name} belongs to another client already.`, {
        hint: `Make a new ${this.#name} for each client, each with a \`clientId\` of its own, or wait for destroy() of the other client.`,
      });
    }
    if (isOther) this.#leave(this.#client as Holder);
    this.#client = client;
    this.#isInUse = true;
    return isOther;
  }

  /** The client starts. */
  started(): void {
    this.#isInUse = true;
  }

  /**
   * A client was destroyed or logged out, or its start has failed and has left no browser.
   * @param client the client of that run: the strategy may belong to another one by now
   */
  ended(client: PublicClient | undefined): void {
    if (client === this.#client) this.#isInUse = false;
  }

  #leave(client: Holder): void {
    if (client.authStrategy !== this.#strategy) return;
    const inert = new NoAuth();
    inert.setup(client);
    client.authStrategy = inert;
  }
}
