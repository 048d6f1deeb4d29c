import { MemoryBlobs } from "../../../../lib/blobs/memory.ts";
import type { SessionRecords } from "../../../../lib/vault/records/session-records.ts";
import { Vault } from "../../../../lib/vault/vault.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { Requests } from "../../support/requests.ts";

export const session = "Baileys-bot";
/** After so many entries they are put together. */
export const MOST_LOOSE = 4;
/** How long a fold waits for a set to travel with, and some more. */
const RIDE_MS = 1_500;
const STEP_MS = 100;

/** A process with a line of its own to a backend in memory, and a clock that moves when a test says so. */
export interface RecordsProcess {
  readonly requests: Requests;
  readonly vault: Vault;
  /** What was told to `onError`. */
  readonly errors: unknown[];
  /** Takes the session, and opens its records. */
  open(): Promise<SessionRecords>;
}

/** Several processes on the records of one session. */
export class RecordsRig {
  readonly blobs: MemoryBlobs = new MemoryBlobs({ maxBlobBytes: 64 * 1024 });
  readonly time: FakeTime = new FakeTime();

  process(): RecordsProcess {
    const requests = new Requests(this.blobs);
    const errors: unknown[] = [];
    const options = { blobs: requests, retries: 0, retryDelayMs: 0 };
    const vault = new Vault(options, { clock: this.time.clock(), mostLoose: MOST_LOOSE });
    const open = (): Promise<SessionRecords> => vault.openRecords({ session, onError: (error) => errors.push(error) });
    return { requests, vault, errors, open };
  }

  /** Lets a fold that has begun come to the log. */
  async fold(): Promise<void> {
    await this.time.advance(RIDE_MS);
  }

  /** Lets time pass until the condition holds. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await this.time.advance(STEP_MS);
  }

  /** The records as a process sees them that comes now. */
  async stored(): Promise<Record<string, string>> {
    const found = (await this.process().vault.peekRecords({ session })) ?? new Map<string, Buffer>();
    return Object.fromEntries([...found].map(([key, value]) => [key, String(value)]));
  }

  /** The keys in a folder of the session, sorted. */
  async keys(folder: "log" | "chunks"): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.blobs.list(`${session}/${folder}/`)) keys.push(key);
    return keys.sort();
  }
}

/** Sets records; `undefined` deletes one. */
export function set(records: SessionRecords, values: Record<string, string | undefined>): Promise<void> {
  return records.set(
    Object.entries(values).map(([key, value]) => [key, value === undefined ? undefined : Buffer.from(value)]),
  );
}

/** Sets one record after the other, to the number of each set: so many make a fold due. */
export async function setSome(records: SessionRecords, name: string, count: number = MOST_LOOSE): Promise<void> {
  for (let n = 1; n <= count; n++) await set(records, { [`${name}${n}`]: String(n) });
}
