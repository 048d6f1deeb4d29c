import type { DatabaseCapture } from "./database-capture.ts";

/** How often `unprepared` databases are refreshed before an attempt goes on without a consistent moment. */
const MAX_REFRESHES = 5;
/** Rounds of polls after each of those, until one round finds nothing new: some milliseconds in all. */
const MAX_POLLS = 50;

/** The steps that find a moment. */
export type PolledDatabase = Pick<DatabaseCapture, "prepare" | "refresh" | "poll" | "noteFiles">;

/**
 * Prepares all databases and polls them until a consistent moment is found. Without one, each database is captured as
 * the last poll finds it.
 * @returns milliseconds between the states of the databases; 0 for a consistent moment
 * @throws the signal's reason; `InconsistentCapture`
 */
export async function findMoment(databases: readonly PolledDatabase[], signal?: AbortSignal): Promise<number> {
  let [since, unprepared] = [performance.now(), databases];
  for (let refreshes = 0; refreshes < MAX_REFRESHES && unprepared.length > 0; refreshes++) {
    since = performance.now();
    for (const database of unprepared) {
      signal?.throwIfAborted();
      await (refreshes === 0 ? database.prepare() : database.refresh());
    }
    unprepared = [];
    for (let polls = 0; polls < MAX_POLLS && unprepared.length === 0; polls++) {
      const results = databases.map((database) => database.poll());
      unprepared = databases.filter((_database, index) => results[index] === "unprepared");
      if (polls > 0 && results.every((result) => result === "unchanged")) return 0;
    }
  }
  const from = performance.now();
  for (const database of databases) database.noteFiles();
  const results = databases.map((database) => database.poll());
  // An unprepared database is captured as it was at some time since it was refreshed.
  const spreadMs = performance.now() - (results.includes("unprepared") ? since : from);
  for (const database of databases) database.noteFiles();
  return spreadMs;
}
