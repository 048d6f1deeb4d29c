import type { VaultError } from "../errors.ts";

/**
 * `starting`: no browser yet. `unlinked`: a browser, and no session in it. `linked`: READY was seen, and no event since
 * that ends the session. `saving`: the client is being destroyed and the last save is being made. `ending`: no save is
 * made any more.
 */
type Name = "starting" | "unlinked" | "linked" | "saving" | "ending";

/** The phase of one run of a client: whether the profile may be saved, and whether the run continues. */
export class RunPhase {
  #name: Name = "starting";
  #lost: VaultError | undefined;

  /** Whether the profile carries the session: only then the profile may be saved. */
  get isLinked(): boolean {
    return this.#name === "linked" || this.#name === "saving";
  }

  /** Whether the profile is still being chosen. */
  get isStarting(): boolean {
    return this.#name === "starting";
  }

  /** Whether the run has ended or is ending. */
  get isEnding(): boolean {
    return this.#name === "saving" || this.#name === "ending";
  }

  /** The reason to write nothing more; `undefined` unless another process has taken the session over. */
  get lost(): VaultError | undefined {
    return this.#lost;
  }

  /** A browser has the profile open, or is being started on it. */
  opened(): void {
    if (this.#name === "starting") this.#name = "unlinked";
  }

  /** READY was seen. A run that is ending does not become linked again. */
  link(): void {
    if (!this.isEnding) this.#name = "linked";
  }

  /** The profile carries no session any more, or a session that has ended. */
  unlink(): void {
    if (this.#name === "linked") this.#name = "unlinked";
    else if (this.#name === "saving") this.#name = "ending";
  }

  /** The run ends, after a last save when the session is linked. */
  finish(): void {
    if (this.#name === "linked") this.#name = "saving";
    else if (!this.isEnding) this.#name = "ending";
  }

  /** The run ends without another save. */
  end(): void {
    this.#name = "ending";
  }

  /** Another process has taken the session over: the run ends without another save. */
  lose(reason: VaultError): void {
    this.#name = "ending";
    this.#lost = reason;
  }
}
