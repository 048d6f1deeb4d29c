import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { entryKey, leasesPrefix } from "../../lib/vault/layout.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn } from "../contract/profile.ts";
import { Requests } from "../vault/support/requests.ts";
import { ENCRYPTED_OPTIONS, LIFE_OPTIONS, lifeFiles, lifeOf } from "./kill-life.ts";
import type { LivedLife } from "./kill-run.ts";

/** The round that is saved after a kill. */
const NEXT_ROUND = 9;
/** Entries that stay for a month, for fencing and for people. */
const LASTING = new Set(["hold", "rejected", "rollback", "deleted", "undeleted"]);
/** How often leftovers are looked for: a request that was sent right before the kill may arrive after it. */
const LOOKS = 100;
const DELETED = "deleted";

/**
 * What the session holds after each call of an undisturbed life, the state before the first call included: the rounds
 * of the kept generations, e.g. `0 1(proven) *3`, where `*` is the current one.
 * @param folder an empty folder
 */
export async function historyOf(folder: string): Promise<string[]> {
  const blobs = new MemoryBlobs();
  const vaults = [new Vault({ blobs, ...LIFE_OPTIONS }), new Vault({ blobs, ...ENCRYPTED_OPTIONS })] as const;
  const session = "RemoteAuth-undisturbed";
  const history = [await contentOf(blobs, session, folder)];
  for (const call of lifeOf(vaults, session, async () => {})) {
    await call.run();
    history.push(await contentOf(blobs, session, folder));
  }
  return history;
}

/** The session as {@link historyOf} writes it. Restores every kept generation, and compares every file of it. */
async function contentOf(blobs: BlobStore, session: string, folder: string): Promise<string> {
  const vault = new Vault({ blobs, ...ENCRYPTED_OPTIONS });
  const state = await vault.state({ session });
  if (!state) return "nothing";
  if (state.deleted) return DELETED;
  const kept: string[] = [];
  for (const { generation, proven } of state.generations) {
    const into = join(folder, `${session}-${generation}`);
    const { skipped } = await vault.restoreProfile({ session, into, generation });
    expect(skipped).toEqual([]);
    const files = await filesIn(into);
    const round = Number(files["Default/round"]);
    assertSameFiles(files, lifeFiles(round));
    await rm(into, { recursive: true });
    kept.push(`${generation === state.current?.generation ? "*" : ""}${round}${proven ? "(proven)" : ""}`);
  }
  return kept.join(" ") || "no generation";
}

/** What {@link checkAfterKill} takes. */
export interface AfterKill {
  blobs: BlobStore;
  session: string;
  /** An empty folder. */
  folder: string;
  /** See {@link historyOf}. */
  history: readonly string[];
  life: LivedLife;
}

/**
 * What has to hold once a process was killed: another process takes the session without waiting; the session is as it
 * was after the last call that ended, or as the interrupted call would have left it, and every kept generation is
 * whole; the next save and prune leave only what they need.
 */
export async function checkAfterKill({ blobs, session, folder, history, life }: AfterKill): Promise<void> {
  const vault = new Vault({ blobs, ...ENCRYPTED_OPTIONS });
  const { told } = life;
  const lease = await vault.acquire({ session });
  // A request that was sent before the kill has taken effect before the hold, or never does.
  const content = await contentOf(blobs, session, folder);
  expect(history.slice(told, told + 2).map(afterHold)).toContain(content);
  if (content === DELETED) {
    const isForGood = told >= history.length - 2;
    const undeleted = await vault.undelete({ session, lease }).catch(({ code }) => code);
    expect(undeleted).toBe(isForGood ? "ABSENT" : undefined);
    const before = isForGood ? DELETED : history[history.indexOf(DELETED) - 1];
    expect(await contentOf(blobs, session, folder)).toBe(before);
  }
  await vault.saveProfile({ session, lease, capture: captureOf(lifeFiles(NEXT_ROUND)) });
  await vault.prune({ session, lease });
  for (let look = 1; ; look++) {
    const left = await leftovers(blobs, session, folder);
    if (left.length === 0) break;
    if (look === LOOKS) expect(left).toEqual([]);
    await vault.prune({ session, lease });
  }
  await lease.release();
}

/** A hold makes a session without generations of no session at all. */
function afterHold(content: string): string {
  return content === "nothing" ? "no generation" : content;
}

/** Keys of the session that neither a restore of a kept generation needs, nor the protocol keeps. */
async function leftovers(blobs: BlobStore, session: string, folder: string): Promise<string[]> {
  const requests = new Requests(blobs);
  expect(await contentOf(requests, session, folder)).toMatch(new RegExp(`(^| )\\*${NEXT_ROUND}$`));
  const read = new Set(requests.take().map((request) => request.replace(/^get /, "")));
  for await (const { entry, kind } of new Vault({ blobs, ...ENCRYPTED_OPTIONS }).history({ session })) {
    if (LASTING.has(kind)) read.add(entryKey(session, entry));
  }
  const left: string[] = [];
  for await (const { key } of blobs.list(`${session}/`)) if (!read.has(key)) left.push(key);
  // Each holder has a folder of its own for its lease.
  const leases = new Set(left.filter((key) => key.startsWith(leasesPrefix(session))).map(dirname));
  return left.filter((key) => leases.size > 1 || !leases.has(dirname(key)));
}
