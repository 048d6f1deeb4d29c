import { FileStore } from "../../adapters/fs/index.ts";
import type { AddressedStore } from "../../address/store-from-url.ts";
import type { CopyProgress } from "../../lib/copy-session.ts";
import { makeTemporary, removeTemporary } from "../../lib/disk/temporary.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { pushSession } from "../../lib/local-session/push-session.ts";
import { type LocalSession, recogniseSession } from "../../lib/local-session/recognise.ts";
import { importSession, readSessionFile } from "../../lib/session-file/import-session.ts";
import type { SessionStore } from "../../lib/store.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { withFileKey } from "./file-key.ts";
import { contentWords, stepWords } from "./words.ts";

export interface BringOptions extends CommonOptions {
  readonly otherPhone?: boolean;
}

/** What is brought, and how. */
interface Incoming {
  readonly local: LocalSession;
  /** Name of the session in the store. */
  readonly session: string;
  readonly kind: "profile" | "records";
  /** More about a session file. */
  readonly facts?: { readonly encrypted: boolean; readonly exportedAt: Date };
  bring(call: BringCall): Promise<Brought>;
}

interface BringCall {
  readonly to: SessionStore;
  readonly overwrite: boolean;
  readonly otherPhone: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CopyProgress) => void;
}

interface Brought {
  readonly files: number;
  readonly bytes: number;
  readonly unchanged: boolean;
  readonly ms: number;
}

/** Brings a session from the disk into the store: a session file, a zip, a profile, or the files of a Baileys bot. */
export async function bringIn(cli: Cli, path: string, given: string | undefined, options: BringOptions): Promise<void> {
  const store = await cli.store(options);
  const incoming = await incomingFrom(cli, path, given);
  const { session, kind, local } = incoming;
  const before = await store.state({ session, signal: cli.signal });
  if (options.dryRun) return await dryRun(cli, store, incoming, before?.current !== undefined, options);
  const report = await bring(cli, store, incoming, options);
  const current = (await store.state({ session, signal: cli.signal }))?.current?.generation;
  if (options.json) {
    const { files, bytes, unchanged, ms } = report;
    const facts = { from: local.path, kind: local.kind, ...incoming.facts, generation: current, files, bytes };
    return cli.json({ store: store.address, session, ...facts, unchanged, ms });
  }
  const what = contentWords(report, kind);
  if (report.unchanged)
    return cli.out.line(`${store.address} had ${session} exactly so (${what}): nothing was written.`);
  cli.out.line(`${store.address} has ${session} now (${what}), read back and compared.`);
  if (before?.current) {
    cli.out.line(`  What it had is kept as generation ${before.current.generation}.`);
  }
}

async function bring(cli: Cli, store: AddressedStore, incoming: Incoming, options: BringOptions): Promise<Brought> {
  const { otherPhone = false } = options;
  const call = (overwrite: boolean): Promise<Brought> =>
    cli.progress(async (show) => {
      const onProgress = (at: CopyProgress): void => show(stepWords(at));
      return await incoming.bring({ to: store, overwrite, otherPhone, signal: cli.signal, onProgress });
    });
  try {
    return await call(false);
  } catch (error) {
    if (!isVaultError(error, "CONFLICT")) throw error;
    cli.note(error.message);
    await cli.confirm("Make this one the current version? What is stored is kept as an older one.", options);
  }
  try {
    return await call(true);
  } catch (error) {
    if (!isVaultError(error, "CONFLICT") || !/another phone/.test(error.message)) throw error;
    const hint =
      "Nothing was changed. Name another session, or replace the session of that phone with `--other-phone`.";
    throw new VaultError("CONFLICT", error.message, { cause: error, hint });
  }
}

/** Does all of it but the last: into a store that is thrown away. */
async function dryRun(
  cli: Cli,
  store: AddressedStore,
  incoming: Incoming,
  replaces: boolean,
  options: BringOptions,
): Promise<void> {
  const { session, kind, local } = incoming;
  const directory = await makeTemporary();
  try {
    const { files, bytes } = await bring(cli, scratch(directory), incoming, options);
    if (options.json) {
      const facts = { from: local.path, kind: local.kind, ...incoming.facts, files, bytes };
      return cli.json({ store: store.address, session, dryRun: true, ...facts, replaces });
    }
    const what = contentWords({ files, bytes }, kind);
    const after = replaces ? ", where another one may be: it would be kept as an older generation" : "";
    cli.out.line(`Would put ${session} (${what}) into ${store.address}${after}.`);
  } finally {
    await removeTemporary(directory);
  }
}

function scratch(directory: string): AddressedStore {
  return Object.assign(new FileStore({ directory }), { address: directory, close: async () => {} });
}

async function incomingFrom(cli: Cli, path: string, given: string | undefined): Promise<Incoming> {
  const local = await recogniseSession(path);
  if (local.kind === "session-file") {
    const { read: facts, encryption } = await withFileKey(cli, local.path, (key) =>
      readSessionFile({ from: local.path, encryption: key, signal: cli.signal }),
    );
    const session = given === undefined ? facts.session : wholeName(given, facts.kind);
    const { encrypted, exportedAt, kind } = facts;
    const bringFile = (call: BringCall): Promise<Brought> =>
      importSession({ ...call, from: local.path, session, encryption });
    return { local, session, kind, facts: { encrypted, exportedAt }, bring: bringFile };
  }
  const kind = local.kind === "multi-file" ? "records" : "profile";
  const session = given === undefined ? local.session : wholeName(given, kind);
  if (session === undefined) {
    throw new VaultError("INVALID", `The name of ${local.path} does not tell the name of the session.`, {
      hint: "Name the session behind it, such as `support`.",
    });
  }
  const onWarning = (message: string): void => cli.warn(message);
  const bringLocal = (call: BringCall): Promise<Brought> =>
    pushSession({ ...call, from: local.path, session, onWarning });
  return { local, session, kind, bring: bringLocal };
}

/** The name in a store of what bots call so. */
function wholeName(given: string, kind: "profile" | "records"): string {
  if (!/^[-\w]+$/.test(given)) {
    throw new VaultError("INVALID", "The name of a session has letters, digits, `-` and `_` only.");
  }
  if (/^(?:RemoteAuth(?:-|$)|Baileys-)/.test(given)) return given;
  return `${kind === "records" ? "Baileys" : "RemoteAuth"}-${given}`;
}
