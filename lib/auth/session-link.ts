import { tell } from "../diagnostics/channels.ts";
import { Acceptance, type AcceptanceOptions } from "./acceptance.ts";
import type { AuthenticationAnswer } from "./base-auth.ts";
import type { OpenedProfile } from "./local/opened-profile.ts";
import type { RunPhase } from "./run-phase.ts";
import type { ProfileSaver } from "./saving/profile-saver.ts";

export interface SessionLinkOptions extends AcceptanceOptions {
  readonly saver: ProfileSaver;
  readonly phase: RunPhase;
  /** Kind of the store, in diagnostics events. */
  readonly storeKind: string;
  /** Resolves when no save is under way. Must not reject. */
  readonly stopBackups: () => Promise<void>;
  /** Aborts when the run ends. */
  readonly ending: AbortSignal;
}

/** The link between a phone and the profile of one run: READY of the page, and the page that asks for a link. */
export class SessionLink {
  readonly #options: SessionLinkOptions;
  readonly #acceptance: Acceptance;
  /** The profile that was opened, until the page asked for a link or has logged out. */
  #opened: OpenedProfile | undefined;
  /** Whether READY of the opened profile was recorded in the store. */
  #isRecorded = false;
  #readyAt: number | undefined;
  /** The answer to a page that asks for a link, while it is being made, and for good once it has ended this run. */
  #answer: Promise<AuthenticationAnswer | undefined> | undefined;

  constructor(options: SessionLinkOptions) {
    this.#options = options;
    this.#acceptance = new Acceptance(options);
  }

  /** When READY of this link was first seen, by `performance.now()`. */
  get readyAt(): number | undefined {
    return this.#readyAt;
  }

  /** A profile was chosen, and may carry a session. */
  opened(profile: OpenedProfile): void {
    this.#opened = profile;
  }

  /** READY was seen. */
  link(): void {
    this.#options.phase.link();
    this.#readyAt ??= performance.now();
  }

  /** Records READY of the opened profile; may be called at every READY. */
  record(): void {
    const { saver, ending, onError } = this.#options;
    saver.provenance.clearSuperseded().catch(onError);
    if (this.#opened === undefined || this.#isRecorded) return;
    this.#isRecorded = true;
    // If the end of the run interrupts the records, the next run makes them.
    this.#acceptance.accepted(this.#opened, ending).catch((error) => ending.aborted || onError(error));
  }

  /** The page asks for a link, see `RemoteRun.authenticationNeeded`. Never rejects. */
  async needed(): Promise<AuthenticationAnswer | undefined> {
    const isFirst = this.#answer === undefined;
    this.#answer ??= this.#end();
    const answer = await this.#answer;
    if (answer?.failed !== true) this.#answer = undefined;
    // whatsapp-web.js asks once for each of its listeners, and each of them would destroy the client and start it again.
    if (!isFirst && answer?.restart === true) return await new Promise<never>(() => {});
    return answer;
  }

  /** The link that the profile carried has ended. */
  async #end(): Promise<AuthenticationAnswer | undefined> {
    const { saver, phase, ending, stopBackups, onError } = this.#options;
    const wasReady = this.#readyAt !== undefined;
    phase.unlink();
    this.#isRecorded = true;
    this.#readyAt = undefined;
    const opened = this.#opened;
    this.#opened = undefined;
    const isMarked = await saver.provenance.markSuperseded().then(
      () => true,
      (error) => void onError(error),
    );
    await stopBackups();
    if (wasReady) await saver.rollBack(ending).catch(onError);
    await saver.expectNewLink(ending);
    const answer = await this.#answerTo(opened, wasReady, isMarked === true);
    if (!ending.aborted) this.#tell(opened, wasReady, answer);
    return answer;
  }

  async #answerTo(
    opened: OpenedProfile | undefined,
    wasReady: boolean,
    isMarked: boolean,
  ): Promise<AuthenticationAnswer | undefined> {
    if (!opened?.linked) return undefined;
    const next = wasReady ? undefined : opened.next;
    return await this.#acceptance.refused({ ...opened, next, isMarked, isRejected: !wasReady }, this.#options.ending);
  }

  #tell(opened: OpenedProfile | undefined, wasReady: boolean, answer: AuthenticationAnswer | undefined): void {
    const { session, storeKind: store } = this.#options;
    const { generation } = opened?.history.at(-1) ?? {};
    const next = answer?.failed ? (answer.restart ? "older" : "none") : "code";
    tell("link", () => ({
      session,
      store,
      wasStored: opened?.linked === true || wasReady,
      wasReady,
      next,
      ...(generation === undefined ? {} : { generation }),
    }));
  }

  /** The page has logged out, and continues: the next link is a new session. */
  async forget(): Promise<void> {
    this.#opened = undefined;
    this.#readyAt = undefined;
    await this.#options.saver.expectNewLink(this.#options.ending);
  }
}
