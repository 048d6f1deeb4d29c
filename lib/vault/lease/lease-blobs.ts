import type { VaultContext } from "../context.ts";
import type { LeaseTerms } from "../entry.ts";
import type { SessionFrames } from "../frames.ts";
import { holdFolder, leasePrefix, turnName, turnOf } from "../layout.ts";
import { unlessCorrupt } from "../unless-corrupt.ts";
import { ownerName } from "./owner.ts";
import { withPatience } from "./patience.ts";

/** What is stored of one lease. */
export interface StoredLease {
  readonly isReleased: boolean;
  /** The newest renewal, 0 when there is none yet. */
  readonly turn: number;
  readonly keys: readonly string[];
}

/** The name of the blob that says that a lease was released. */
const RELEASED = "released";

/**
 * The blobs of one lease. Each renewal and the release have keys of their own: a put that was given up and takes effect
 * late can neither undo a later renewal nor a release.
 */
export class LeaseBlobs {
  readonly #context: VaultContext;
  readonly #session: string;
  readonly #epoch: number;
  readonly #terms: LeaseTerms;
  readonly #folder: string;
  readonly #frames: SessionFrames;

  /** @param frames @default those that the vault keeps for the session */
  constructor(
    context: VaultContext,
    session: string,
    epoch: number,
    terms: LeaseTerms,
    frames: SessionFrames = context.frames(session),
  ) {
    this.#context = context;
    this.#session = session;
    this.#epoch = epoch;
    this.#terms = terms;
    this.#folder = holdFolder({ epoch, id: terms.hold });
    this.#frames = frames;
  }

  /** The fencing number of the lease. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Key of a renewal. */
  key(turn: number): string {
    return this.#prefix + turnName(turn);
  }

  async list(signal?: AbortSignal): Promise<StoredLease> {
    const keys: string[] = [];
    for await (const { key } of this.#context.blobs.list(this.#prefix, { signal, keysOnly: true })) keys.push(key);
    const names = keys.map((key) => key.slice(this.#prefix.length));
    const turn = names.reduce((newest, name) => Math.max(newest, turnOf(name) ?? 0), 0);
    return { isReleased: names.includes(RELEASED), turn, keys };
  }

  /** Whether the lease was released. */
  async isReleased(signal?: AbortSignal): Promise<boolean> {
    return (await this.#context.blobs.get(this.#prefix + RELEASED, { signal })) !== undefined;
  }

  /** When the lease ends after a renewal, by its holder's wall clock; `undefined` when that cannot be read any more. */
  async expiresAt(turn: number, signal?: AbortSignal): Promise<number | undefined> {
    const frame = await this.#context.blobs.get(this.key(turn), { signal });
    if (!frame) return undefined;
    const what = `lease ${this.#folder} of ${this.#session}`;
    const plain = await unlessCorrupt(this.#frames.decode("lease", this.#name(turnName(turn)), frame, what));
    const { expiresAt } = JSON.parse(plain?.toString("utf8") ?? "{}") as { expiresAt?: unknown };
    return typeof expiresAt === "number" ? expiresAt : undefined;
  }

  async renew(turn: number, expiresAt: number, signal?: AbortSignal): Promise<void> {
    await this.#put(turnName(turn), { turn, ttlMs: this.#terms.ttlMs, expiresAt }, signal);
  }

  /** Says that the lease is over. Takes a few seconds at most, and never rejects: else the lease ends by itself. */
  async release(): Promise<void> {
    await withPatience(this.#context.clock, (signal) => this.#put(RELEASED, { released: true }, signal));
  }

  async #put(name: string, facts: Record<string, unknown>, signal: AbortSignal | undefined): Promise<void> {
    const { hold } = this.#terms;
    const plain = { session: this.#session, epoch: this.#epoch, hold, ...facts, owner: ownerName(this.#terms) };
    const frame = await this.#frames.encode("lease", this.#name(name), Buffer.from(JSON.stringify(plain)));
    await this.#context.blobs.put(this.#prefix + name, frame, { signal });
  }

  get #prefix(): string {
    return leasePrefix(this.#session, this.#folder);
  }

  #name(name: string): string {
    return `${this.#folder}/${name}`;
  }
}
