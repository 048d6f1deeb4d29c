import { join } from "node:path";
import { RemoteAuth } from "../lib/auth/remote-auth.ts";
import { ProfileSaver } from "../lib/auth/saving/profile-saver.ts";
import { ProfileSession } from "../lib/auth/store/profile-session.ts";
import { Vault } from "../lib/vault/vault.ts";
import { whatsapp } from "../test/support/whatsapp.ts";
import { CountingBlobs, type Traffic } from "./counting-blobs.ts";
import type { OpenStore } from "./stores.ts";
import { ZipStore } from "./zip-stores.ts";

/** Saves and restores sessions; the profile of `RemoteAuth-<id>` is the directory of that name in a data path. */
export interface Contender {
  save(id: string): Promise<void>;
  /** Begins to use a session, as before a browser is opened. */
  start(id: string): Promise<void>;
  /** Lets go of all sessions. */
  close(): Promise<void>;
}

export interface ContenderOptions {
  readonly store: OpenStore;
  readonly dataPath: string;
  readonly traffic: Traffic;
}

/** As much of the shipped strategy as its client calls, and what `beforeBrowserInitialized` sets. */
interface ShippedStrategy {
  userDataDir: string;
  sessionName: string;
  setup(client: object): void;
  beforeBrowserInitialized(): Promise<void>;
  storeRemoteSession(): Promise<void>;
}

/** The `RemoteAuth` that ships with whatsapp-web.js, driven by its own methods as its client drives them. */
export class Shipped implements Contender {
  readonly #options: ContenderOptions;
  readonly #strategies = new Map<string, ShippedStrategy>();

  constructor(options: ContenderOptions) {
    this.#options = options;
  }

  /** Its timer's save: a copy of the directories, a zip of the copy, the store's `save`. */
  async save(id: string): Promise<void> {
    await this.#strategy(id).storeRemoteSession();
  }

  /** Its start: removes the profile that is there, then the store's `extract`, then the zip is unpacked. */
  async start(id: string): Promise<void> {
    await this.#strategy(id).beforeBrowserInitialized();
  }

  async close(): Promise<void> {}

  #strategy(id: string): ShippedStrategy {
    const known = this.#strategies.get(id);
    if (known) return known;
    const { store, dataPath, traffic } = this.#options;
    const options = { clientId: id, dataPath, store: new ZipStore(store.zips, dataPath, traffic) as never };
    const { RemoteAuth } = whatsapp("1.34.7");
    const strategy = new RemoteAuth({ ...options, backupSyncIntervalMs: 60_000 }) as unknown as ShippedStrategy;
    strategy.setup({ options: { puppeteer: {} }, emit: () => true });
    strategy.sessionName = `RemoteAuth-${id}`;
    strategy.userDataDir = join(dataPath, strategy.sessionName);
    this.#strategies.set(id, strategy);
    return strategy;
  }
}

const AN_HOUR_MS = 3_600_000;

/** Our `RemoteAuth`: its start and its saves, with one vault for all sessions, as in a bot. */
export class Ours implements Contender {
  readonly #dataPath: string;
  readonly #vault: Vault;
  readonly #savers = new Map<string, ProfileSaver>();
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #problems: unknown[] = [];

  constructor({ store, dataPath, traffic }: ContenderOptions) {
    this.#dataPath = dataPath;
    // A renewal that falls into a step by chance is no part of it.
    this.#vault = new Vault({ blobs: new CountingBlobs(store.blobs, traffic), leaseTtlMs: AN_HOUR_MS });
  }

  /** Its timer's save, by the part that makes it: a capture, the vault's `saveProfile`, the marker in the profile. */
  async save(id: string): Promise<void> {
    const session = `RemoteAuth-${id}`;
    const saver = this.#savers.get(session) ?? (await this.#take(session));
    await saver.next(new AbortController().signal);
    if (this.#problems.length > 0) throw this.#problems[0];
  }

  /** Its start: the session is taken; the profile is kept, or restored, verified and put in place. */
  async start(id: string): Promise<void> {
    const options = { clientId: id, dataPath: this.#dataPath, store: this.#vault, closeOnSignals: false };
    const strategy = new RemoteAuth({ ...options, backupSyncIntervalMs: 60_000 });
    const client = { options: { puppeteer: {} }, on: () => client, once: () => client, emit: () => true };
    strategy.setup(client as never);
    this.#closers.push(() => strategy.destroy());
    await strategy.beforeBrowserInitialized();
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
  }

  /** The first save pays for taking the session. */
  async #take(session: string): Promise<ProfileSaver> {
    const stored = new ProfileSession(this.#vault, session);
    this.#closers.push(() => stored.close());
    await stored.open(new AbortController().signal);
    const saver = new ProfileSaver({
      store: stored,
      session,
      dir: join(this.#dataPath, session),
      linkedSince: () => -AN_HOUR_MS,
      browserRuns: () => true,
      wid: () => "15550001111@c.us",
      onSaved: () => {},
      onError: (error) => this.#problems.push(error),
      onWarning: () => {},
    });
    this.#savers.set(session, saver);
    return saver;
  }
}
