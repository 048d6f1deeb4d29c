import type { Lease } from "../../lib/store.ts";
import { systemClock } from "../../lib/vault/clock.ts";
import { SharedTimer } from "../../lib/vault/lease/shared-timer.ts";
import type { Vault, VaultOptions } from "../../lib/vault/vault.ts";
import { captureOf, type Files, noise, profileFiles } from "../contract/profile.ts";
import { testKey } from "../support/keys.ts";

/** Few generations are kept, so that the life has something to prune. */
export const LIFE_OPTIONS: VaultOptions = { keep: 1 };
/** With a key, from the day on that encryption is turned on: what was stored before is still read. */
export const ENCRYPTED_OPTIONS: VaultOptions = {
  ...LIFE_OPTIONS,
  encryption: { key: testKey(1) },
  onWarning: (message) => {
    if (!/^Stored without encryption/.test(message)) throw new Error(`An unexpected warning: ${message}`);
  },
};

/** One call of a life. */
export interface LifeCall {
  readonly name: string;
  run(): Promise<unknown>;
}

/** A timer whose work is done when the test says so: renewals come at one moment of the life. */
export class HandTimer extends SharedTimer {
  #run: () => void = () => {};

  constructor() {
    super(systemClock);
  }

  override set(_owner: object, _at: number, run: () => void): void {
    this.#run = run;
  }

  override clear(): void {
    this.#run = () => {};
  }

  fire(): void {
    this.#run();
  }
}

/**
 * The life of a session, from its first lease until it is deleted for good, as the calls on its store.
 * @param vault has {@link LIFE_OPTIONS}
 * @param encrypted has {@link ENCRYPTED_OPTIONS}, on the same blobs
 * @param renew renews the lease, and resolves when that is done.
 */
export function lifeOf(
  [vault, encrypted]: readonly [vault: Vault, encrypted: Vault],
  session: string,
  renew: () => Promise<void>,
): LifeCall[] {
  let lease: Lease | undefined;
  let generation = 0;
  const held = (): Lease => {
    if (!lease) throw new Error("The life has no lease.");
    return lease;
  };
  const save = (round: number): LifeCall => ({
    name: `save ${round}`,
    run: async () => {
      const capture = captureOf(lifeFiles(round));
      ({ generation } = await vault.saveProfile({ session, lease: held(), capture }));
    },
  });
  return [
    {
      name: "acquire",
      run: async () => {
        lease = await vault.acquire({ session });
      },
    },
    // Not right after a save, which counts as a renewal.
    { name: "renew", run: renew },
    save(0),
    save(1),
    { name: "mark", run: () => vault.mark({ session, lease: held(), generation, as: "proven" }) },
    save(2),
    save(3),
    { name: "prune", run: () => vault.prune({ session, lease: held() }) },
    { name: "release", run: () => held().release() },
    { name: "delete", run: () => vault.delete({ session }) },
    { name: "undelete", run: () => vault.undelete({ session }) },
    {
      name: "acquire with a key",
      run: async () => {
        lease = await encrypted.acquire({ session });
      },
    },
    { name: "rekey", run: () => encrypted.rekey({ session, lease: held() }) },
    { name: "delete for good", run: () => encrypted.delete({ session, lease: held(), retainMs: 0 }) },
  ];
}

/** Blobs of this size hold one of the larger files: a save sends several chunks, and a life moves few bytes. */
export const BLOB_BYTES: number = 64 * 1024;

/** A file that all rounds have, one that each round has for itself, and small ones. */
export function lifeFiles(round: number): Files {
  return profileFiles(`round ${round}`, {
    "Default/round": Buffer.from(String(round)),
    "Default/always.ldb": noise(50_000),
    "Default/changes.ldb": noise(100_000, round + 2),
  });
}
