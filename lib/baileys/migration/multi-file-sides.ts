import { forEachConcurrent } from "../../async/semaphore.ts";
import { SYNCS_AT_ONCE } from "../../disk/durable.ts";
import { isVaultError, VaultError } from "../../errors.ts";
import { CREDS_FILE, fileNameOf, parseFileName } from "../multi-file/file-names.ts";
import { formatJsonValue, parseJsonValue } from "../multi-file/json-values.ts";
import { readMultiFile } from "../multi-file/read-directory.ts";
import { isFree, StagedDirectory, syncPlace } from "../multi-file/staged-directory.ts";
import { CREDS_KEY } from "../record-key.ts";
import { decodeValue } from "../value-codec.ts";
import { type AuthRecords, authRecords, differenceOf, signalRecords } from "./auth-records.ts";
import {
  type AuthSource,
  type AuthTarget,
  changed,
  type MigrationRun,
  occupied,
  Side,
  type SourceContent,
  type WrittenState,
} from "./sides.ts";

/** A directory of `useMultiFileAuthState`, as a side of a migration. */
abstract class MultiFileSide extends Side<string> {
  /** @param directory an absolute path, as `resolveDirectory` makes it for a target */
  constructor(directory: string, run: MigrationRun) {
    super(directory, directory, run);
  }

  async close(): Promise<void> {}
}

/** A directory of `useMultiFileAuthState`, to be read. */
export class MultiFileSource extends MultiFileSide implements AuthSource {
  #records: AuthRecords | undefined;

  async read(): Promise<SourceContent> {
    const { signal, tell, warn } = this.run;
    let records = 0;
    const onRecord = (): void => tell({ step: "reading", records: ++records });
    const { creds, records: found, skipped, warnings } = await readMultiFile(this.place, { onRecord, signal });
    for (const warning of warnings) warn(warning);
    this.#records = authRecords(creds, found, this.label);
    return { records: this.#records, skipped };
  }

  async assertUnchanged(): Promise<void> {
    const { creds, records } = await readMultiFile(this.place, { signal: this.run.signal });
    const now = authRecords(creds, records, this.label);
    const difference = differenceOf(this.#records ?? new Map(), now);
    if (difference) throw changed(this.label, difference);
  }
}

/** A file of a record, or of the credentials. */
interface NewFile {
  readonly name: string;
  /** As the codec of JSON takes it. */
  readonly family: string;
  /** The value, encoded. */
  readonly bytes: Buffer;
  /** Whether its name tells which record it is. */
  readonly isTold: boolean;
}

/** A directory of `useMultiFileAuthState`, to be written: it is filled beside its place, and appears there whole. */
export class MultiFileTarget extends MultiFileSide implements AuthTarget {
  async write(records: AuthRecords, isReady: () => Promise<void>): Promise<WrittenState> {
    const { verify, signal } = this.run;
    if (!(await isFree(this.place))) return await this.#compare(records);
    const files = filesOf(records);
    const staged = await StagedDirectory.begin(this.place);
    try {
      await this.#write(staged, files);
      if (verify) await this.#verify(staged, files);
      await isReady();
      signal?.throwIfAborted();
      await staged.commit();
      return { isWritten: true, existing: 0, isVerified: verify };
    } catch (error) {
      await staged.discard();
      throw error;
    }
  }

  /** The directory is there: an earlier migration of the same state may have made it. @throws `CONFLICT` when it has not */
  async #compare(records: AuthRecords): Promise<WrittenState> {
    const { values, signal } = this.run;
    const same = async (): Promise<boolean> => {
      const content = await readMultiFile(this.place, { signal });
      return values.areSame(authRecords(content.creds, content.records, this.label), records);
    };
    const isSame = await same().catch((error: unknown) => {
      // No migration has made it then.
      if (isVaultError(error, "CORRUPT") || isVaultError(error, "ABSENT")) return false;
      throw error;
    });
    if (!isSame) throw occupied(this.label);
    await syncPlace(this.place);
    return { isWritten: false, existing: signalRecords(records).length, isVerified: true };
  }

  /** @throws `INVALID` when Baileys could not read a value as what it is, or a disk cannot have the name of a file */
  async #write(staged: StagedDirectory, files: readonly NewFile[]): Promise<void> {
    const { values, signal, tell, warn } = this.run;
    const inexact: string[] = [];
    let done = 0;
    const write = async (file: NewFile): Promise<void> => {
      const { name, family } = file;
      const text = this.#textOf(file);
      if (!values.isSame(family, parseJsonValue(text, family), decoded(file))) inexact.push(name);
      await staged.add(name, text);
      tell({ step: "writing", records: ++done, total: files.length });
    };
    await forEachConcurrent(files, SYNCS_AT_ONCE, write, signal);
    const unclear = files.filter(({ isTold }) => !isTold);
    if (inexact.length > 0) {
      const names = inexact.sort().slice(0, 5).join(", ");
      warn(`JSON cannot hold all that is in ${inexact.length} records, e.g. NaN, of which it makes null: ${names}.`);
    }
    if (unclear.length > 0) {
      warn(
        `${unclear.length} files in ${this.label} have names that do not tell what they are: Baileys finds them, and who lists the directory does not.`,
      );
    }
  }

  /** Reads the files again. @throws `CORRUPT` when one is another than was written */
  async #verify(staged: StagedDirectory, files: readonly NewFile[]): Promise<void> {
    const { signal, tell } = this.run;
    let done = 0;
    const compare = async (file: NewFile): Promise<void> => {
      if ((await staged.read(file.name)) !== this.#textOf(file)) {
        throw new VaultError("CORRUPT", `The disk returned another ${file.name} than was written for ${this.label}.`);
      }
      tell({ step: "verifying", records: ++done, total: files.length });
    };
    await forEachConcurrent(files, SYNCS_AT_ONCE, compare, signal);
  }

  /** The JSON that Baileys would write. */
  #textOf(file: NewFile): string {
    const value = decoded(file);
    const { AppStateSyncKeyData } = this.run.baileys.proto.Message;
    const isMessage = file.family === "app-state-sync-key";
    return formatJsonValue(isMessage ? AppStateSyncKeyData.fromObject(value) : value, file.name);
  }
}

function filesOf(records: AuthRecords): NewFile[] {
  const files = signalRecords(records).map(({ type, id, bytes }): NewFile => {
    const name = fileNameOf(type, id);
    const told = parseFileName(name);
    return { name, family: type, bytes, isTold: told?.type === type && told.id === id };
  });
  const creds = records.get(CREDS_KEY) ?? Buffer.alloc(0);
  return [{ name: CREDS_FILE, family: CREDS_KEY, bytes: creds, isTold: true }, ...files];
}

function decoded({ name, bytes }: NewFile): unknown {
  return decodeValue(bytes, name);
}
