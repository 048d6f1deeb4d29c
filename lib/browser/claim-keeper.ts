import { codeOf } from "../disk/errors.ts";
import { type Claim, createClaim, removeClaim, removeOwnClaim, touchClaim } from "./claim-file.ts";
import { touchRecord } from "./pidfile.ts";

/** How often a claim is touched, in milliseconds: several times within the time for which others look at it. */
export const TOUCH_MS = 2_000;

export interface ClaimKeeperOptions {
  /** Path of the claim file. */
  readonly path: string;
  readonly claim: Claim;
  /** Path of the profile, whose record is touched with the claim. */
  readonly dir: string;
  /** How often the claim is touched, in milliseconds. */
  readonly touchMs: number;
  /**
   * For a claim file that has vanished or is torn: whether nobody else has had the profile since.
   */
  readonly isAlone: () => Promise<boolean>;
  /** Called once, with the claim of the process that has taken the profile; `undefined` when that process has ended. */
  readonly onLost: (by: Claim | undefined) => void;
  /** Called once with the code of an error, when the disk does not let the claim be touched. */
  readonly onTrouble: (code: string) => void;
}

/** Shows that the owner of a claim lives, as long as it lives, and notices when somebody else has taken the claim. */
export class ClaimKeeper {
  readonly #options: ClaimKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #hasOpened = false;
  #hasTrouble = false;
  /** The text of a torn file at the last look: its owner may be writing it. */
  #torn: string | undefined;

  constructor(options: ClaimKeeperOptions) {
    this.#options = options;
    this.#wait();
  }

  /** The profile is chosen and is being opened: from now on a claim that vanishes is made again. */
  opened(): void {
    this.#hasOpened = true;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#beat(), this.#options.touchMs);
    this.#timer.unref();
  }

  async #beat(): Promise<void> {
    try {
      await this.#touch();
    } catch (error) {
      this.#trouble(error);
    }
    this.#wait();
  }

  /** An error of the disk does not say that somebody else has the profile. */
  #trouble(error: unknown): void {
    // ENOENT: the folder of the profile was removed, and nobody else can take it there.
    if (this.#hasTrouble || this.#isStopped || codeOf(error) === "ENOENT") return;
    this.#hasTrouble = true;
    this.#options.onTrouble(codeOf(error) ?? String(error));
  }

  async #touch(): Promise<void> {
    const { path, claim } = this.#options;
    const found = await touchClaim(path, claim);
    const torn = this.#torn;
    this.#torn = found?.claim === undefined ? found?.text : undefined;
    if (this.#isStopped) return;
    if (found?.claim?.id === claim.id) return await this.#touchRecord();
    if (found?.claim !== undefined) return this.#lose(found.claim);
    // Until the profile is opened, its start checks the claim before each change: who made it vanish may have come and gone.
    if (!this.#hasOpened || (found !== undefined && found.text !== torn)) return;
    if (!(await this.#options.isAlone())) return this.#lose(undefined);
    if (this.#isStopped) return;
    if (found !== undefined) await removeClaim(path, { text: found.text });
    await createClaim(path, claim);
    // It was released meanwhile.
    if (this.#isStopped) await removeOwnClaim(path, claim.id);
  }

  /** The claim of another container may lie beside a profile that is shared alone: then only the record tells of it. */
  async #touchRecord(): Promise<void> {
    const { dir, claim } = this.#options;
    if (!this.#hasOpened) return;
    // An error of the disk is told of the claim.
    const record = await touchRecord(dir, claim.id).catch(() => undefined);
    if (this.#isStopped || record?.claim === undefined || record.claim === claim.id) return;
    this.#lose({ ...record.bot, id: record.claim, host: record.host ?? "another machine" });
  }

  #lose(by: Claim | undefined): void {
    this.stop();
    this.#options.onLost(by);
  }
}
