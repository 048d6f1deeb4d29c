import { discard } from "../../async/memory.ts";
import { forEachConcurrent } from "../../async/semaphore.ts";
import type { PieceSource } from "../pieces.ts";
import { checkTable } from "./table-check.ts";

/** Tables that are checked at once: one is read while the checksums of another one are computed. */
const AT_ONCE = 2;
/** Chromium's tables have 2 MiB, or little more. Larger ones are read in pieces. */
const MOST_ROOM = 3 << 20;

/**
 * Checks the tables of a database.
 * @param mustGoOn called before each table; may throw
 * @returns what is wrong with each, in the order of the tables; `undefined` for one that is sound
 * @throws when the disk refuses
 */
export async function checkTables(
  tables: readonly PieceSource[],
  mustGoOn: () => void,
): Promise<(string | undefined)[]> {
  const largest = tables.reduce((most, { size }) => Math.max(most, size), 0);
  const free: Buffer[] = Array.from({ length: Math.min(AT_ONCE, tables.length) }, () =>
    Buffer.allocUnsafeSlow(Math.min(MOST_ROOM, largest)),
  );
  const problems: (string | undefined)[] = [];
  try {
    await forEachConcurrent(tables.entries(), AT_ONCE, async ([index, table]) => {
      mustGoOn();
      const room = free.pop() as Buffer;
      try {
        problems[index] = await checkTable(table, room);
      } finally {
        free.push(room);
      }
    });
  } finally {
    for (const room of free) discard(room);
  }
  return problems;
}
