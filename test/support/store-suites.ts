import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { useVaultAuthState } from "../../lib/baileys/index.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { VaultError } from "../../lib/errors.ts";
import { isEncrypted } from "../../lib/vault/frame.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import {
  authStateContract,
  leaseContract,
  type MortalStore,
  type Opened,
  type OpenedAuthState,
  profileStoreContract,
  storeContract,
} from "../contract/index.ts";
import { captureOf, noise, profileFiles } from "../contract/profile.ts";
import { testKey } from "./keys.ts";
import { isLong, leaveToLong } from "./length.ts";
import { recordsSuite } from "./records-suite.ts";
import { everything, type Trace, traces } from "./traces.ts";
import { expectWarning } from "./warnings.ts";

/** A store of the package, and the blobs that it keeps its sessions in. */
export interface OpenedVault extends Opened {
  readonly blobs: BlobStore;
  readonly store: Vault;
  /** Opens the same store again, as another process would. */
  again(): Vault;
}

const runner = { describe, it };
/** What a store does with many files needs few blobs of any backend: a vault on memory shows it. */
const fewFiles = leaveToLong(runner, "takes a thousand small files");
const session = "RemoteAuth-bot";
const passphrase = "correct horse battery staple";
const key = testKey(1);
const sealed: VaultOptions = { encryption: { key } };
const wid = "491701234567@c.us";

/** Opens a new, empty store with these options. */
type OpenStore = (options: VaultOptions) => OpenedVault | Promise<OpenedVault>;

interface StoreSuites {
  readonly withEncryption?: boolean;
  readonly withManyFiles?: boolean;
  readonly withAuthState?: boolean;
}

/**
 * Defines the suites of a store, once without and, where that is wanted, once with encryption, see {@link sealedSuites}; in
 * the long run also a life of a socket of Baileys.
 * @param options.withEncryption what is encrypted is the same on every store. @default in the long run only
 * @param options.withManyFiles in `npm test`, too. @default in the long run only
 * @param options.withAuthState also the states of Baileys, which ask nothing of a store that its records do not. @default true
 */
export function storeSuites(
  name: string,
  open: OpenStore,
  { withEncryption = isLong, withManyFiles = isLong, withAuthState = true }: StoreSuites = {},
): void {
  expectWarning(/Waiting up to/);
  storeContract(runner, { name, open: () => open({}) });
  profileStoreContract(withManyFiles ? runner : fewFiles, { name, open: () => open({}) });
  leaseContract(runner, { name, open: async () => withMortals(await open({})) });
  if (withAuthState) authStateContract(runner, { name, open: async () => withStates(await open({})) });
  recordsSuite(name, () => open({}), {});
  if (isLong) socketSuite(name, open);
  if (withEncryption) sealedSuites(name, open);
}

/**
 * Defines the suites of a store with encryption, and a search of all that it has stored for what only the holder of the
 * key may know.
 */
function sealedSuites(name: string, open: OpenStore): void {
  const encrypted = `${name}, encrypted`;
  storeContract(runner, { name: encrypted, open: () => open(sealed) });
  profileStoreContract(fewFiles, { name: encrypted, open: () => open(sealed) });
  authStateContract(runner, { name: encrypted, open: async () => withStates(await open(sealed)) });
  recordsSuite(encrypted, () => open({}), sealed);
  // A lease is encrypted as an entry is: in memory, all of it is shown.
  if (isLong) leaseContract(runner, { name: encrypted, open: async () => withMortals(await open(sealed), sealed) });

  describe(`${name}: all that is stored`, () => {
    it("shows the profile when it is not encrypted", async () => {
      const { found, secrets } = await lookThrough(open, {});
      const shown = new Set(found.map(({ secret }) => secret));
      expect([...shown].sort()).toEqual(
        Object.keys(secrets)
          .filter((secret) => secret !== "the phone number")
          .sort(),
      );
    });

    it.each<[string, VaultOptions]>([
      ["a key", { encryption: { key } }],
      ["a passphrase", { encryption: { passphrase } }],
    ])("shows nothing of the profile, and no key, when it is encrypted with %s", async (_, options) => {
      const { found, plain } = await lookThrough(open, options);
      expect(found).toEqual([]);
      expect(plain).toEqual([]);
    });
  });
}

/** The life of a real socket of Baileys on the store. */
function socketSuite(name: string, open: OpenStore): void {
  describe(`${name}: a socket of Baileys`, () => {
    it.each<[string, VaultOptions]>([
      ["without encryption", {}],
      ["with a key", sealed],
    ])("links, talks, ends, and comes back from its state (%s)", async (_, options) => {
      // Loaded where it is wanted: most suites need no Baileys.
      const [{ baileys }, { lifeOfASocket }] = await Promise.all([
        import("./baileys.ts"),
        import("./life-of-a-socket.ts"),
      ]);
      const { store, close } = await open(options);
      try {
        const openState = () => useVaultAuthState({ store, session: "bot", onWarning: () => {} });
        await lifeOfASocket({ baileys: await baileys(), openState });
        expect(await store.peekRecords({ session: "Baileys-bot" })).toBeDefined();
      } finally {
        await close?.();
      }
    });
  });
}

/** The state of a Baileys bot in the store, by a new one each time. */
export function withStates({ again, close }: OpenedVault): OpenedAuthState {
  const states: { close(): Promise<void> }[] = [];
  return {
    openState: async () => {
      const opened = await useVaultAuthState({ store: again(), session: "bot", leaseWaitMs: 0, onWarning: () => {} });
      states.push(opened);
      return opened;
    },
    close: async () => {
      for (const state of states) await state.close();
      await close?.();
    },
  };
}

/** The store, with stores on the same blobs whose process can be killed, for the contract of leases. */
export function withMortals(opened: OpenedVault, options: VaultOptions = {}): OpenedVault & { mortal(): MortalStore } {
  return { ...opened, mortal: () => mortal(opened.blobs, options) };
}

function mortal(blobs: BlobStore, options: VaultOptions): MortalStore {
  let isDead = false;
  const alive = (): void => {
    if (isDead) throw new VaultError("DENIED", "the process is dead");
  };
  const mortalBlobs: BlobStore = {
    traits: async (call) => blobs.traits(call),
    get: async (key, call) => {
      alive();
      return blobs.get(key, call);
    },
    put: async (key, bytes, call) => {
      alive();
      await blobs.put(key, bytes, call);
    },
    async *list(prefix, call) {
      alive();
      yield* blobs.list(prefix, call);
    },
    delete: async (keys, call) => {
      alive();
      await blobs.delete(keys, call);
    },
  };
  return {
    // A dead process tells nothing.
    store: new Vault({ ...options, blobs: mortalBlobs, leaseTtlMs: 1_000, onWarning: () => {} }),
    crash: () => {
      isDead = true;
    },
  };
}

/** Lets a session live in a new store, and looks through all that is stored then. */
async function lookThrough(
  open: OpenStore,
  options: VaultOptions,
): Promise<{ found: Trace[]; plain: string[]; secrets: Record<string, Buffer | string> }> {
  const { blobs, store, close } = await open(options);
  try {
    const secrets = await aLife(store);
    const keys = { "the key": key, "the key in hexadecimal": key.toString("hex"), "the passphrase": passphrase };
    const found = await traces(blobs, session, options.encryption ? { ...secrets, ...keys } : secrets);
    const all = [...(await everything(blobs, session))].filter(([key]) => key.startsWith(`${session}/`));
    return { found, secrets, plain: all.filter(([, frame]) => !isEncrypted(frame)).map(([key]) => key) };
  } finally {
    await close?.();
  }
}

/** Entries and chunks of every kind. @returns what is to be read in them, by what it is */
async function aLife(store: Vault): Promise<Record<string, Buffer | string>> {
  const files = profileFiles("a value of the site's storage", {
    "Default/large.ldb": noise(600_000, 7),
    "Default/in place": noise(100_000, 8),
    "Default/text": Buffer.alloc(50_000, "the text of a message. "),
  });
  const lease = await store.acquire({ session });
  const first = await store.saveProfile({ session, capture: captureOf(files), lease, wid });
  await store.mark({ session, lease, generation: first.generation, as: "proven" });
  const more = { ...files, "Default/more": noise(20_000, 9) };
  const second = await store.saveProfile({ session, capture: captureOf(more), lease, wid });
  await store.mark({ session, lease, generation: second.generation, as: "rejected" });
  await store.rollback({ session, lease, generation: first.generation });
  await store.delete({ session, lease });
  await store.undelete({ session, lease });
  await store.prune({ session, lease });
  const state = await store.state({ session });
  return {
    "a file": noise(600_000, 7).subarray(300_000, 300_024),
    "a piece of a file": noise(100_000, 8).subarray(50_000, 50_024),
    "a text": "the text of a message.",
    "a value": "a value of the site's storage",
    "the hash of a file": createHash("sha256").update(noise(600_000, 7)).digest("hex"),
    "a path": "Default/Local Storage/leveldb",
    "the browser": "156.0.8078.73",
    "the holder": state?.holder ?? "nobody",
    "the id of a generation": first.id,
    "the phone number": "491701234567",
  };
}
