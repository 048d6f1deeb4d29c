import { withSignal } from "../../async/deadline.ts";
import { VaultError } from "../../errors.ts";
import { otherSessions } from "../../other-sessions.ts";
import type { RecordChange } from "../../vault/records/record-bytes.ts";
import type { Vault } from "../../vault/vault.ts";
import { decodeCreds, isRegistered } from "../credentials.ts";
import { OpenSession, type SessionUser } from "../open-sessions.ts";
import { CREDS_KEY, EARLIER_CREDS_KEY } from "../record-key.ts";
import { type AuthRecords, differenceOf, signalRecords, withPreKeyMark } from "./auth-records.ts";
import {
  type AuthSource,
  type AuthTarget,
  type MigrationRun,
  occupied,
  Side,
  type SourceContent,
  type WrittenState,
} from "./sides.ts";

/** How long the end of a migration waits for what is on its way, in milliseconds. */
const CLOSE_MS = 8_000;

/** A session in a store. */
export interface StoredSession {
  readonly store: Vault;
  /** As `sessionNameOf` makes it. */
  readonly session: string;
}

/** A session that a migration has taken: no bot changes it meanwhile. */
class TakenSession implements SessionUser {
  readonly #store: Vault;
  readonly #open: OpenSession;
  readonly #lost = new AbortController();
  readonly #onError: (error: unknown) => void;

  private constructor(store: Vault, open: OpenSession, onError: (error: unknown) => void) {
    if (open.hasUser) {
      throw new VaultError("LEASE_HELD", `Could not take ${open.records.session}: this process has it open.`, {
        hint: "Call `close()` of what `useVaultAuthState` has returned, once its socket has ended.",
      });
    }
    this.#store = store;
    this.#open = open;
    this.#onError = onError;
  }

  /** @throws as `Vault.openRecords`; `LEASE_HELD` also when this process has the session open */
  static async take({ store, session }: StoredSession, { onError, signal }: MigrationRun): Promise<TakenSession> {
    const options = { vault: store, session, waitMs: 0, onError, signal };
    return await OpenSession.open(options, (open) => new TakenSession(store, open, onError));
  }

  onLost(reason: unknown): void {
    this.#lost.abort(reason);
  }

  onError(error: unknown): void {
    this.#onError(error);
  }

  /** All records as they are now. */
  records(): AuthRecords {
    const { records } = this.#open;
    return new Map(
      records.keys().flatMap((key) => {
        const bytes = records.get(key);
        return bytes ? [[key, bytes] as const] : [];
      }),
    );
  }

  /** Sets all of these records at once. @throws as `SessionRecords.set` */
  async set(changes: readonly RecordChange[]): Promise<void> {
    this.#lost.signal.throwIfAborted();
    await this.#open.records.set(changes);
  }

  /** @throws `LEASE_LOST` when somebody has taken the session */
  async assertHeld(signal: AbortSignal | undefined): Promise<void> {
    this.#lost.signal.throwIfAborted();
    const { records } = this.#open;
    if (await this.#store.hasOpen(records, signal ? { signal } : {})) return;
    throw new VaultError("LEASE_LOST", `Another process has taken ${records.session} meanwhile.`, {
      hint: "End the bot that has it, and migrate again.",
    });
  }

  /** @param forgets whether what is not stored is dropped */
  async leave(forgets: boolean): Promise<void> {
    await this.#open.leave(this, forgets ? 0 : CLOSE_MS, { forgets });
  }
}

/** A session in a store, as a side of a migration. It is taken when it is needed. */
abstract class StoredSide extends Side<StoredSession> {
  protected taken: TakenSession | undefined;

  constructor(place: StoredSession, run: MigrationRun) {
    super(place.session, place, run);
  }

  protected async take(): Promise<TakenSession> {
    this.taken = await TakenSession.take(this.place, this.run);
    return this.taken;
  }
}

/** A session in a store, to be read. It is taken: a bot that runs on it would change it. */
export class VaultSource extends StoredSide implements AuthSource {
  async read(): Promise<SourceContent> {
    const { store, session } = this.place;
    const { signal } = this.run;
    // To take a session writes an entry: not for one that is not there.
    const state = await store.state({ session, ...(signal ? { signal } : {}) });
    if (!state?.kind || state.deleted) throw await absent(this.place, state?.deleted?.at, signal);
    const records = (await this.take()).records();
    if (!records.has(CREDS_KEY)) throw await absent(this.place, undefined, signal);
    this.run.tell({ step: "reading", records: records.size, total: records.size });
    return { records: withPreKeyMark(records, session), skipped: [] };
  }

  async assertUnchanged(): Promise<void> {
    await this.taken?.assertHeld(this.run.signal);
  }

  async close(): Promise<void> {
    await this.taken?.leave(false);
  }
}

/** A session in a store, to be written: by one set, which is stored whole or not at all. */
export class VaultTarget extends StoredSide implements AuthTarget {
  async write(records: AuthRecords, isReady: () => Promise<void>): Promise<WrittenState> {
    const { values, signal, tell, warn } = this.run;
    const taken = await this.take();
    const before = taken.records();
    const total = records.size;
    const creds = before.get(CREDS_KEY);
    const existing = signalRecords(records).filter(({ key, bytes }) => before.get(key)?.equals(bytes)).length;
    if (values.areSame(before, records)) return { isWritten: false, existing, isVerified: true };
    if (creds && isRegistered(decodeCreds(creds, this.label))) throw occupied(this.label);
    if (before.size > 0)
      warn(`${this.label} had ${before.size} records of a device that is not linked. They were replaced.`);
    await isReady();
    tell({ step: "writing", records: 0, total });
    const stale = [...before.keys()].filter((key) => !records.has(key) && key !== EARLIER_CREDS_KEY);
    await withSignal(taken.set([...records, ...stale.map((key) => [key, undefined] as const)]), signal);
    tell({ step: "writing", records: total, total });
    return { isWritten: true, existing, isVerified: await this.#verify(records) };
  }

  async close(): Promise<void> {
    await this.taken?.leave(true);
  }

  /** Reads from the store what was written. @throws `CORRUPT` when it is not that */
  async #verify(records: AuthRecords): Promise<boolean> {
    const { store, session } = this.place;
    const { signal, verify, tell } = this.run;
    if (!verify) return false;
    const total = records.size;
    tell({ step: "verifying", records: 0, total });
    const stored = await store.peekRecords({ session, ...(signal ? { signal } : {}) });
    const found = new Map([...(stored ?? [])].filter(([key]) => records.has(key)));
    const difference = differenceOf(records, found);
    if (difference) {
      throw new VaultError("CORRUPT", `The store returned another ${session} than it was given: ${difference}.`, {
        hint: "The source is as it was. Check the store, delete what it has of the session, and migrate again.",
      });
    }
    tell({ step: "verifying", records: total, total });
    return true;
  }
}

/** The hint names the sessions that are there. */
async function absent(
  { store, session }: StoredSession,
  deletedAt: Date | undefined,
  signal: AbortSignal | undefined,
): Promise<VaultError> {
  const since = deletedAt ? ` since ${deletedAt.toISOString()}, when it was deleted` : "";
  const others = deletedAt ? undefined : await otherSessions(store, session, { signal });
  return new VaultError("ABSENT", `There is no session ${session} in the store${since}.`, {
    ...(deletedAt ? { hint: "`undelete` of the store brings it back." } : {}),
    ...(others ? { hint: `The store has ${others}.` } : {}),
  });
}
