import type { VaultError } from "../errors.ts";

/**
 * `starting`: no browser yet. `unlinked`: a browser, and no session in it. `linked`: READY was seen and nothing since that
 * ends a session. `saving`: the client is being destroyed and the last save is being made. `ending`: nothing is saved any
 * more. `lost`: another process has the session.
 */
type Name = "starting" | "unlinked" | "linked" | "saving" | "ending" | "lost";

/** The phase of one run of a client: what may be saved, and whether the run goes on. */
export class RunPhase {
  #name: Name = "starting";
  #lost: VaultError | undefined;

  /** Whether the profile carries the session: only then it may be saved. */
  get isLinked(): boolean {
    return this.#name === "linked" || this.#name === "saving";
  }

  /** Whether the run has ended, or is about to. */
  get isEnding(): boolean {
    return this.#name === "saving" || this.#name === "ending" || this.#name === "lost";
  }

  /** Why the run must write nothing more; `undefined` unless another process has the session. */
  get lost(): VaultError | undefined {
    return this.#lost;
  }

  /** A browser has the profile, or is about to. */
  opened(): void {
    if (this.#name === "starting") this.#name = "unlinked";
  }

  /** READY. A run that ends is not linked again. */
  link(): void {
    if (!this.isEnding) this.#name = "linked";
  }

  /** The profile carries no session any more, or a dead one. */
  unlink(): void {
    if (this.#name === "linked") this.#name = "unlinked";
    else if (this.#name === "saving") this.#name = "ending";
  }

  /** The run ends, with a last save when it is linked. */
  finish(): void {
    if (this.#name === "linked") this.#name = "saving";
    else if (!this.isEnding) this.#name = "ending";
  }

  /** The run ends without saving anything more. */
  end(): void {
    if (this.#name !== "lost") this.#name = "ending";
  }

  /** Another process has the session: for good. */
  lose(reason: VaultError): void {
    this.#name = "lost";
    this.#lost = reason;
  }
}
