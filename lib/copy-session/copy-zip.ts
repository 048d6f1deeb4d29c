import { constants } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { differenceOf } from "../archive/compare-files.ts";
import { HOW_TO_ZIP } from "../archive/errors.ts";
import { type UnzipReport, unzip } from "../archive/unzip.ts";
import { zipFiles } from "../archive/zip.ts";
import type { Copied, CopyProgress, CopyReport, CopySessionOptions } from "../copy-session.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { sessionProblem, verifyProfile } from "../profile/verify.ts";
import { type CaptureFile, isProfileStore, type RestoreReport } from "../store.ts";
import { untilShown } from "../until-shown.ts";
import { sessionName } from "../vault/layout.ts";
import { absentIn } from "./absent-session.ts";
import { otherVersionError } from "./other-version.ts";
import { otherPhoneError, phoneOfProfile, phoneOfZip } from "./phone.ts";
import { type GenerationName, generationOf, type StoreCalls, skippedOf } from "./store-calls.ts";

/** How long a target with four methods has, after its `save`, to return what it was given, in milliseconds. */
const SHOWN_MS = 30_000;

/** Copies a profile as a zip, which every store can take. */
export class ZipCopy {
  readonly #options: CopySessionOptions;
  readonly #directory: string;
  readonly #calls: StoreCalls;
  readonly #session: string;
  /** What the last answer of the target is; `undefined` while it has given none, or does not tell. */
  #extracted: { readonly generation: GenerationName | undefined } | undefined;

  /** What the target says that it has saved. */
  #saved: GenerationName | undefined;

  constructor(options: CopySessionOptions, directory: string, calls: StoreCalls) {
    this.#options = options;
    this.#directory = directory;
    this.#calls = calls;
    this.#session = sessionName(options.session);
  }

  async run(): Promise<Copied> {
    const { from, to, replace = false, otherPhone = false, allowOlder = false, signal } = this.#options;
    const began = performance.now();
    this.#tell("reading");
    const fromSession = await this.#nameInSource();
    const zip = join(this.#directory, "source.zip");
    const extract = (): unknown => from.extract({ session: fromSession, path: zip });
    const extracted = await this.#calls.ask("read from the source", extract);
    const skipped = skippedOf(extracted);
    if (skipped.length > 0 && !allowOlder) throw notWhole(this.#session, skipped);
    this.#tell("checking");
    const source = await this.#unpacked(zip, "source");
    const done = (unchanged: boolean): Copied => {
      const report: CopyReport = {
        session: this.#session,
        fromSession,
        files: source.files.length,
        bytes: source.bytes,
        unchanged,
        skipped,
        ms: performance.now() - began,
      };
      // What it has given back was compared with the source.
      return { report, generation: this.#extracted?.generation ?? this.#saved, source: generationOf(extracted) };
    };

    const before = await this.#currentInTarget();
    const hadAnother = await this.#calls.exists(to, this.#session);
    if (hadAnother) {
      const difference = await this.#difference(source.files).catch((error: unknown) => {
        if (isVaultError(error, "CORRUPT")) return error.message;
        throw error;
      });
      if (difference === undefined) return done(true);
      if (!replace) throw otherVersionError(this.#session, difference);
      if (!otherPhone) await this.#refuseOtherPhone(fromSession);
    }
    this.#tell("writing", source);
    // The shipped strategy unpacks what is in the target by the names in the zip.
    if (!source.isPlain) await zipFiles(source.files, zip, signal === undefined ? {} : { signal });
    const difference = await this.#write(zip, before, async () => {
      this.#tell("comparing", source);
      return await this.#compare(source.files, hadAnother);
    });
    if (difference !== undefined) {
      const message = `The target returned another ${this.#session} than it was given: ${difference}.`;
      throw new VaultError("CORRUPT", message, { hint: "The source is as it was. Check the target, and copy again." });
    }
    return done(false);
  }

  /** Id of the target's current generation, `null` when it has none; `undefined` where the target has no generations. */
  async #currentInTarget(): Promise<string | null | undefined> {
    const { to } = this.#options;
    if (!isProfileStore(to)) return undefined;
    const { current } =
      (await this.#calls.ask("look for the session", () => to.state({ session: this.#session }))) ?? {};
    return current?.id ?? null;
  }

  /** Name of the session in the source. Two of whatsapp-web.js's versions named a session by the path of its zip. */
  async #nameInSource(): Promise<string> {
    const { from, session, fromSession, dataPath = "./.wwebjs_auth/" } = this.#options;
    if (fromSession !== undefined) {
      if (await this.#calls.exists(from, fromSession)) return fromSession;
      throw await absentIn(from, [fromSession], this.#options.signal);
    }
    // A vault goes by the base name alone: both names are one session to it.
    const names = isProfileStore(from) ? [session] : [...new Set([session, resolve(dataPath, this.#session)])];
    const found: string[] = [];
    for (const name of names) if (await this.#calls.exists(from, name)) found.push(name);
    const [only, other] = found;
    if (only === undefined) {
      throw await absentIn(from, names, this.#options.signal);
    }
    if (other === undefined) return only;
    throw new VaultError("CONFLICT", `The source has ${this.#session} under two names: ${found.join(" and ")}.`, {
      hint: "Name one of them as `fromSession`; the longer one was written by whatsapp-web.js 1.34.5 or 1.34.6.",
    });
  }

  async #unpacked(zip: string, name: string): Promise<UnzipReport> {
    const { signal } = this.#options;
    const into = join(this.#directory, name);
    const unpacked = await unzip(zip, into, { signal });
    const verified = await verifyProfile(into, signal === undefined ? {} : { signal });
    const problem = sessionProblem(verified);
    if (problem === undefined) return unpacked;
    const message = `Session ${this.#session} in the ${name} does not verify: ${problem}.`;
    throw new VaultError("CORRUPT", message, verified.empty ? { hint: HOW_TO_ZIP } : {});
  }

  /** @throws `CONFLICT` when both sessions tell whose they are, and the one in the target is of another phone */
  async #refuseOtherPhone(fromSession: string): Promise<void> {
    // A target that has no version which can be read has given none.
    if (!this.#extracted) return;
    const { signal } = this.#options;
    const own = await phoneOfProfile(join(this.#directory, "source"), signal);
    const other =
      own && (await phoneOfZip(join(this.#directory, "target.zip"), join(this.#directory, "other"), signal));
    if (other !== undefined && other !== own) throw otherPhoneError(this.#session, fromSession);
  }

  /**
   * Writes the zip to the target, and compares. Published stores ignore `path`, open `<session>.zip` in the working
   * directory, and end the process when it is not there: so the zip lies there too, while they save. Some resolve before
   * they open it: so it stays until the comparison has ended.
   * @param before what the target had when it was looked at: what somebody has stored since is not replaced
   * @returns the result of `compare`
   */
  async #write<T>(zip: string, before: string | null | undefined, compare: () => Promise<T>): Promise<T> {
    const { to } = this.#options;
    const given = { session: this.#session, path: zip, ...(before === undefined ? {} : { current: before }) };
    let saved: Promise<unknown> = Promise.resolve();
    const save = (): Promise<unknown> => {
      saved = (async () => to.save(given))();
      return saved;
    };
    if (isProfileStore(to)) {
      this.#saved = generationOf(await this.#calls.ask("write to the target", save));
      return await compare();
    }
    const place = resolve(`${this.#session}.zip`);
    await copyFile(zip, place, constants.COPYFILE_EXCL).catch((cause) => {
      const message = `The zip cannot be put at ${place}, where the target may look for it.`;
      throw new VaultError("INVALID", message, { cause });
    });
    try {
      await this.#calls.ask("write to the target", save);
      return await compare();
    } finally {
      const remove = (): Promise<void> => rm(place, { force: true });
      // A store that is not waited for any more may open it yet.
      if (this.#options.signal?.aborted) void saved.then(remove, remove).catch(() => {});
      else await remove();
    }
  }

  /**
   * The first difference, once a target with four methods had the time to store what it was given.
   * @param hadAnother whether the target had another version before, which it may return for a while
   * @throws at the end of that time what reading it back throws
   */
  async #compare(files: readonly CaptureFile[], hadAnother: boolean): Promise<string | undefined> {
    const { to, signal } = this.#options;
    if (isProfileStore(to)) return await this.#difference(files);
    let other: string | undefined;
    const exists = (): Promise<boolean> => this.#calls.exists(to, this.#session);
    const compare = async (): Promise<string | undefined> => {
      other = await this.#difference(files);
      // Without an earlier version it can only come from this copy: nothing better will follow.
      return hadAnother ? other : undefined;
    };
    const { missing } = await untilShown({ exists, compare, limitMs: SHOWN_MS, signal });
    if (missing === undefined) return other;
    if ("error" in missing) throw missing.error;
    return missing.difference;
  }

  /** The first difference between the target's version and these files, `undefined` when there is none. */
  async #difference(files: readonly CaptureFile[]): Promise<string | undefined> {
    const zip = join(this.#directory, "target.zip");
    await rm(join(this.#directory, "target"), { recursive: true, force: true });
    const { to, signal } = this.#options;
    this.#extracted = undefined;
    const extract = (): unknown => to.extract({ session: this.#session, path: zip });
    const report = await this.#calls.ask("read from the target", extract);
    this.#extracted = { generation: generationOf(report) };
    const [damaged] = skippedOf(report);
    if (damaged !== undefined) return `its generation ${damaged.generation} is not whole`;
    const kept = await this.#unpacked(zip, "target");
    return differenceOf(kept.files, files, signal);
  }

  #tell(step: CopyProgress["step"], profile?: { files: readonly CaptureFile[]; bytes: number }): void {
    this.#options.signal?.throwIfAborted();
    const sizes = profile && { files: profile.files.length, bytes: profile.bytes };
    this.#options.onProgress?.({ step, session: this.#session, ...sizes });
  }
}

function notWhole(session: string, skipped: RestoreReport["skipped"]): VaultError {
  const which = skipped.map(({ generation, code }) => `generation ${generation} (${code})`).join(", ");
  return new VaultError("CORRUPT", `The newest version of ${session} in the source is not whole: ${which}.`, {
    hint: "Nothing was copied. Set `allowOlder` to copy the newest whole version before it; the bot's own profile may be newer.",
  });
}
