import { cp } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FileStore } from "../../adapters/fs/index.ts";
import { RemoteAuth, type RemoteAuthOptions } from "../../lib/auth/remote-auth.ts";
import { probeCredentials } from "../../lib/profile/credentials.ts";
import { isProfileStore, type SaveReport, type SessionStore } from "../../lib/store.ts";
import type { OpenClient, OpenClientOptions } from "./client.ts";
import type { Written } from "./phone.ts";
import type { Rig } from "./rig.ts";
import { scratchFolder } from "./scratch.ts";
import type { BotSpec } from "./start-bot.ts";
import { expectWarning } from "./warnings.ts";

export interface RemoteOptions extends Omit<OpenClientOptions, "authStrategy"> {
  /** A store, or the folder of a `FileStore`. */
  store: SessionStore | string;
  dataPath: string;
  auth?: Partial<RemoteAuthOptions>;
}

/** A client here with our `RemoteAuth`. */
export interface RemoteClient extends OpenClient {
  readonly strategy: RemoteAuth;
  readonly store: SessionStore;
  /** Reports of the saves so far. */
  saves(): SaveReport[];
}

/** The last save of a client on a busy machine: the tests check its content, not its speed. */
const FINAL_SAVE_MS = 120_000;

export function openRemote(rig: Rig, { store: given, dataPath, auth, ...options }: RemoteOptions): RemoteClient {
  // A client of this process whose browser was killed has the session until it has noticed that.
  expectWarning(/^WaVaultWarning: Waiting up to 120 s for \S+, which has held RemoteAuth\S* since /);
  const store = typeof given === "string" ? new FileStore({ directory: given }) : given;
  const common = { backupSyncIntervalMs: 60_000, finalSaveTimeoutMs: FINAL_SAVE_MS };
  const strategy = new RemoteAuth({ store, dataPath, ...common, ...auth });
  const client = rig.open({ ...options, authStrategy: strategy });
  const saves = () =>
    client.events.flatMap(({ name, values }) => (name === "remote_session_saved" ? [values[0] as SaveReport] : []));
  return { ...client, strategy, store, saves };
}

/** A bot in another process with our `RemoteAuth` on a `FileStore`. */
export function remoteBot(directory: string, dataPath: string, options: Record<string, unknown> = {}): BotSpec {
  const settings = { finalSaveTimeoutMs: FINAL_SAVE_MS, ...options };
  return { strategy: "remote", store: { kind: "file", directory }, dataPath, options: settings };
}

/** A session that was linked, written to, and saved by its client's `destroy()`. */
export interface LinkedSession extends Written {
  /** Of its only save. */
  report: SaveReport;
  dataPath: string;
  /** The local profile, below `dataPath`. */
  profile: string;
}

export interface LinkOptions {
  /** A store, or the folder of a `FileStore`. */
  store: SessionStore | string;
  /** Folder of the local profile. @default a new one */
  dataPath?: string;
  wid?: string;
  /** @default 300000 */
  fillBytes?: number;
  puppeteer?: OpenClientOptions["puppeteer"];
}

/** Links a client, fills and writes a little, and destroys it: its last save has everything. */
async function linkAndSave(rig: Rig, options: LinkOptions): Promise<LinkedSession> {
  const linked = await linkOnce(rig, options);
  await mustHaveCredentials(linked.profile);
  const store = typeof options.store === "string" ? new FileStore({ directory: options.store }) : options.store;
  if (isProfileStore(store)) {
    const into = rig.folder();
    await store.restoreProfile({ session: "RemoteAuth", into });
    await mustHaveCredentials(into);
  }
  return linked;
}

async function mustHaveCredentials(profile: string): Promise<void> {
  const { hasCredentials, reason } = await probeCredentials(profile);
  if (!hasCredentials) throw new Error(`The browser ended before the link was on disk: ${reason}.`);
}

async function linkOnce(rig: Rig, options: LinkOptions): Promise<LinkedSession> {
  const { store, dataPath = rig.folder(), wid, fillBytes = 300_000, puppeteer } = options;
  const client = openRemote(rig, { store, dataPath, ...(puppeteer ? { puppeteer } : {}) });
  await client.until("qr");
  await client.phone.pair(wid === undefined ? {} : { wid });
  await client.until("ready");
  await client.phone.fill(fillBytes);
  const written = await client.phone.write();
  await client.close();
  const report = client.saves().at(-1);
  if (!report) {
    throw new Error(`nothing was saved: ${client.events.map((event) => [event.name, ...event.values].join(" "))}`);
  }
  return { ...written, report, dataPath, profile: join(dataPath, "RemoteAuth") };
}

/** Of a session that many tests begin with. */
export interface SavedOptions extends Pick<LinkOptions, "wid" | "fillBytes" | "puppeteer"> {
  /** The store in a folder, always the same function for the same kind. @default a `FileStore` */
  open?: (folder: string) => SessionStore;
}

type Seed = LinkedSession & { folder: string };
const seeds: { options: SavedOptions; making: Promise<Seed> }[] = [];

/**
 * A session in the store in the folder `store`, and the local profile it came from: copies of one that is linked once
 * per test worker.
 */
export async function savedSession(rig: Rig, store: string, options: SavedOptions = {}): Promise<LinkedSession> {
  let seed = seeds.find((known) => isDeepStrictEqual(known.options, options));
  if (!seed) {
    const made = { options, making: makeSeed(rig, options) };
    seeds.push(made);
    // What could not be linked is tried again by the next test.
    made.making.catch(() => seeds.splice(seeds.indexOf(made), 1));
    seed = made;
  }
  const { folder, ...linked } = await seed.making;
  const dataPath = rig.folder();
  await cp(join(folder, "store"), store, { recursive: true, preserveTimestamps: true });
  await cp(join(folder, "data"), dataPath, { recursive: true, preserveTimestamps: true });
  return { ...linked, dataPath, profile: join(dataPath, "RemoteAuth") };
}

async function makeSeed(rig: Rig, { open, ...options }: SavedOptions): Promise<Seed> {
  const folder = scratchFolder("seed-");
  const store = join(folder, "store");
  const linked = await linkAndSave(rig, {
    ...options,
    store: open ? open(store) : store,
    dataPath: join(folder, "data"),
  });
  return { ...linked, folder };
}
