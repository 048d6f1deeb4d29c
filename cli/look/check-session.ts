import { isVaultError, type VaultError } from "../../lib/errors.ts";
import type { GenerationCheck, HistoryEntry } from "../../lib/store.ts";
import type { Vault } from "../../lib/vault/vault.ts";

/** What was found of one session. */
export interface CheckedSession {
  readonly session: string;
  /** Of each generation that was checked, newest first. */
  readonly checks: readonly GenerationCheck[];
  /** Entries of the log that cannot be read, beside those of the generations. */
  readonly entries: readonly HistoryEntry[];
  /** Whether it has records, of which there are no earlier versions. */
  readonly isRecords: boolean;
  /** Why the session could not be checked at all. */
  readonly problem?: VaultError;
}

interface CheckOptions {
  readonly all: boolean;
  readonly deep: boolean;
  readonly signal: AbortSignal;
  readonly show: (text: string) => void;
}

/** Checks a session. Where its current generation is damaged, also the others: one of them may take its place. */
export async function checkSession(
  store: Vault,
  session: string,
  { all, deep, signal, show }: CheckOptions,
): Promise<CheckedSession> {
  let [checks, entries, isRecords]: [GenerationCheck[], HistoryEntry[], boolean] = [[], [], false];
  try {
    show("reading");
    isRecords = (await store.state({ session, signal }))?.kind === "records";
    const run = async (every: boolean): Promise<GenerationCheck[]> => {
      const found: GenerationCheck[] = [];
      const onProgress = (at: { generation: number; chunks: number; ofChunks: number }): void =>
        show(`generation ${at.generation}, ${at.chunks} of ${at.ofChunks} chunks`);
      for await (const one of store.verifySession({ session, all: every, deep, onProgress, signal })) found.push(one);
      return found;
    };
    checks = await run(all);
    if (!all && !isRecords && checks.some(({ problem }) => problem)) checks = await run(true);
    if (all) entries = await unreadable(store, session, checks, signal);
    return { session, checks, entries, isRecords };
  } catch (error) {
    signal.throwIfAborted();
    if (!isVaultError(error)) throw error;
    return { session, checks, entries, isRecords, problem: error };
  }
}

async function unreadable(
  store: Vault,
  session: string,
  checks: readonly GenerationCheck[],
  signal: AbortSignal,
): Promise<HistoryEntry[]> {
  const told = new Set(checks.flatMap(({ generation, problem }) => (problem ? [generation.generation] : [])));
  const found: HistoryEntry[] = [];
  for await (const entry of store.history({ session, signal })) {
    if (entry.kind === "unreadable" && !told.has(entry.entry)) found.push(entry);
  }
  return found;
}
