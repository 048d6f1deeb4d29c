import { randomBytes } from "node:crypto";
import { isVaultError } from "../../lib/errors.ts";
import { type ErrorJson, errorJson } from "../error-json.ts";
import { Refusal } from "./http-answer.ts";

/** How many faults are told apart: the same one again, at each look at the store, is said once. */
const MOST = 100;

/**
 * What viewers are told of errors. What a store or this server says of itself is said to them; the text of anything else may name
 * paths and hosts of this machine, so they get an id, under which whoever runs the server finds the text.
 */
export class Faults {
  readonly #tell: (id: string, fault: unknown) => void;
  /** By the text of a fault. */
  readonly #ids = new Map<string, string>();

  /** @param tell called with each fault that is new, for whoever runs the server */
  constructor(tell: (id: string, fault: unknown) => void) {
    this.#tell = tell;
  }

  /** An error for viewers. */
  view(error: unknown): ErrorJson {
    if (error instanceof Refusal) return { code: error.code, message: error.message, hint: error.hint };
    if (isVaultError(error)) return errorJson(error);
    const message = `Something went wrong in this server, or in the client library of its store: fault ${this.#idOf(error)}.`;
    return { code: "UNKNOWN", message, hint: "The standard error of wa-vault serve says what, under this id." };
  }

  #idOf(error: unknown): string {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = randomBytes(4).toString("hex");
    const [oldest] = this.#ids.keys();
    if (oldest !== undefined && this.#ids.size >= MOST) this.#ids.delete(oldest);
    this.#ids.set(text, id);
    this.#tell(id, error);
    return id;
  }
}
