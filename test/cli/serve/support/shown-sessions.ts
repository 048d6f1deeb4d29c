import { VaultError } from "../../../../lib/errors.ts";
import type { HistoryEntry, SessionSummary } from "../../../../lib/store.ts";
import { generation, type ScriptedSession } from "./scripted-store.ts";

const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;

/** Sessions of each status, as of a small company: for pictures, and for looks at the page. */
export function shownSessions(now: number = Date.now()): ScriptedSession[] {
  const at = (agoMs: number): Date => new Date(now - agoMs);
  const lease = (owner: string, agoMs: number, leftMs = 50_000): object => ({
    lease: { owner, since: at(agoMs), expiresAt: new Date(now + leftMs) },
    holder: owner,
  });
  const one = (session: string, savedAgoMs: number, bytes: number, more: object = {}): ScriptedSession => ({
    summary: {
      session,
      kind: session.startsWith("Baileys-") ? "records" : "profile",
      saved: generation(412, savedAgoMs, { bytes, proven: true, keyId: "9f2c61d04be8a713" }, now),
      generations: 8,
      oldestAt: at(58 * DAY),
      changedAt: at(savedAgoMs),
      ...more,
    } as SessionSummary,
  });
  return [
    {
      ...one("RemoteAuth-support", 3 * MIN, 8_420_000, {
        ...lease("bot-7c9f:17", 2 * DAY),
        profile: { browserVersion: "156.0.8078.73" },
      }),
      ...support(now),
    },
    one("RemoteAuth-sales", 4 * MIN, 12_900_000, lease("bot-41d0:17", 5 * HOUR)),
    one("RemoteAuth-night-desk", 2 * MIN, 6_100_000, lease("bot-9b2e:17", 9 * DAY)),
    one("Baileys-orders", 20_000, 214_000, lease("orders-1:8", 3 * HOUR)),
    one("Baileys-alerts", 45_000, 96_400, lease("orders-1:8", 3 * HOUR)),
    one("RemoteAuth-billing", 26 * MIN, 9_700_000, lease("bot-c0a8:17", 6 * HOUR, -25 * MIN)),
    one("RemoteAuth-branch-lisbon", 11 * HOUR, 7_300_000, {}),
    one("RemoteAuth-branch-porto", 12 * DAY, 5_900_000, {}),
    {
      summary: {
        session: "RemoteAuth-archive",
        problem: new VaultError(
          "WRONG_KEY",
          "Could not read RemoteAuth-archive: it is encrypted with a key that was not given.",
          {
            hint: "Set WA_VAULT_KEY to the key whose id is 51c07e9a22d4f8b6.",
          },
        ),
      },
    },
    one("RemoteAuth-old-hotline", 3 * DAY, 4_400_000, { deleted: { at: at(2 * DAY), until: at(-5 * DAY) } }),
  ];
}

function support(now: number): Pick<ScriptedSession, "generations" | "history"> {
  const key = { keyId: "9f2c61d04be8a713" };
  const made = (number: number, agoMs: number, bytes: number, more: object = {}) =>
    generation(number, agoMs, { bytes, ...key, ...more }, now);
  const generations = [
    made(301, 9 * DAY, 5_100_000, { proven: true }),
    made(334, 6 * DAY, 6_000_000),
    made(352, 4 * DAY, 6_350_000, { proven: true }),
    made(371, 2 * DAY + 3 * HOUR, 7_900_000, { rejected: true }),
    made(380, 2 * DAY, 6_500_000, { proven: true }),
    made(398, 26 * HOUR, 7_100_000),
    made(409, 65 * MIN, 8_300_000),
    made(412, 3 * MIN, 8_420_000, { proven: true }),
  ];
  const starts = [2, 3, 3.1, 3.2, 3.3, 6, 9, 12, 17, 21].map(
    (days, n): HistoryEntry => ({
      entry: 400 - n * 9,
      kind: "hold",
      at: new Date(now - days * DAY),
      by: `bot-${["7c9f", "51aa", "51aa", "51aa", "20f3", "d1c4", "88e0", "0b5d", "a97e", "6fe2"][n]}:17`,
      epoch: 40 - n,
    }),
  );
  const saves = generations.map(
    (saved): HistoryEntry => ({
      entry: saved.generation,
      kind: "save",
      at: saved.at,
      by: "bot-7c9f:17",
      epoch: 40,
      saved: { ...saved, isKept: true, isCurrent: saved.generation === 412 },
    }),
  );
  const history = [...saves, ...starts].sort((a, b) => Number(b.at) - Number(a.at));
  return { generations, history };
}
