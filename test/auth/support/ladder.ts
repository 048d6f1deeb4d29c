import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlobStore } from "../../../lib/blobs.ts";
import { VaultError } from "../../../lib/errors.ts";
import type { Lease, SaveReport, SessionState } from "../../../lib/store.ts";
import { type Encryption, Vault } from "../../../lib/vault/vault.ts";
import { captureOf } from "../../contract/profile.ts";
import { LOCAL_STORAGE } from "../../profile/support/small-profile.ts";
import { linkedProfile } from "./linked-profile.ts";

export const session = "RemoteAuth";
export const PHONE = "15550001111@c.us";

/** The changes of a store that a step of the ladder makes, each of which can be made to fail. */
export type Change = "rejected" | "proven" | "rollback" | "save";

/** A vault that notes what changes a session, in order, and lets nobody have a session that somebody else has. */
export class NotedStore extends Vault {
  readonly notes: string[];
  /** Changes that fail from now on. */
  readonly failing: Set<Change> = new Set();
  /** How many leases are held. */
  held = 0;

  constructor(blobs: BlobStore, notes: string[], encryption?: Encryption) {
    super({ blobs, retries: 0, ...(encryption ? { encryption } : {}) });
    this.notes = notes;
  }

  override async acquire(options: Parameters<Vault["acquire"]>[0]): Promise<Lease> {
    if (this.held > 0) throw new VaultError("LEASE_HELD", "Somebody has the session.");
    this.held += 1;
    const lease = await super.acquire(options);
    const release = lease.release.bind(lease);
    let isReleased = false;
    return Object.defineProperty(lease, "release", {
      value: async () => {
        if (!isReleased) this.held -= 1;
        isReleased = true;
        await release();
      },
    });
  }

  override async mark(options: Parameters<Vault["mark"]>[0]): Promise<void> {
    const before = (await this.state({ session }))?.entry;
    this.#pass(options.as);
    await super.mark(options);
    if ((await this.state({ session }))?.entry !== before) this.notes.push(`${options.as} ${options.generation}`);
  }

  override async rollback(options: Parameters<Vault["rollback"]>[0]): Promise<void> {
    this.#pass("rollback");
    await super.rollback(options);
    this.notes.push(`rollback ${options.generation}`);
  }

  override async saveProfile(options: Parameters<Vault["saveProfile"]>[0]): Promise<SaveReport> {
    this.#pass("save");
    return await super.saveProfile(options);
  }

  #pass(change: Change): void {
    if (this.failing.has(change)) throw new VaultError("UNAVAILABLE", `Could not write ${change}: the store is away.`);
  }
}

/** A generation to begin with: the name of its profile, whose phone it is, and its marks. */
export interface Stored {
  readonly name: string;
  readonly wid?: string;
  /** @default true */
  readonly isProven?: boolean;
  readonly isRejected?: boolean;
}

/** Stores the generations in order. @returns their numbers, by name */
export async function storeGenerations(store: Vault, generations: readonly Stored[]): Promise<Record<string, number>> {
  const numbers: Record<string, number> = {};
  const lease = await store.acquire({ session });
  for (const { name, wid = PHONE, isProven = true, isRejected = false } of generations) {
    const capture = captureOf(linkedProfile(name));
    const { generation } = await store.saveProfile({ session, lease, wid, capture });
    numbers[name] = generation;
    if (isProven) await store.mark({ session, lease, generation, as: "proven" });
    if (isRejected) await store.mark({ session, lease, generation, as: "rejected" });
  }
  await lease.release();
  return numbers;
}

/** The name of the profile at `dir`; `undefined` for one without a session. */
export async function nameOf(dir: string): Promise<string | undefined> {
  const log = await readFile(join(dir, LOCAL_STORAGE, "000003.log"), "latin1").catch(() => "");
  return /name.([a-z ]+)$/s.exec(log)?.[1];
}

/** What is stored apart from marks and holds: the current generation and those that are kept, in order. */
export function kept(state: SessionState | undefined): { current: number | undefined; generations: number[] } {
  return {
    current: state?.current?.generation,
    generations: state?.generations.map(({ generation }) => generation) ?? [],
  };
}
