import { lookAgain } from "../async/look-again.ts";

/** How long a target with four methods has, after its `save`, to return what it was given, in milliseconds. */
const LIMIT_MS = 30_000;

export interface UntilStored {
  /** Whether the target says that it has the session. */
  readonly exists: () => Promise<boolean>;
  /** The first difference between what it returns and what it was given, as a clause. */
  readonly compare: () => Promise<string | undefined>;
  /** Whether the target had another version before, which it may return for a while. */
  readonly hadAnother: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The first difference, once the target had the time to store what it was given: some stores with four methods resolve
 * before they have read the zip.
 * @throws at the end of that time what reading it back throws; the reason of the signal
 */
export async function untilStored({ exists, compare, hadAnother, signal }: UntilStored): Promise<string | undefined> {
  let other: string | undefined;
  const look = async (): Promise<{ difference: string } | { error: unknown } | undefined> => {
    try {
      if (!(await exists())) return { difference: "it has no such session" };
      const difference = await compare();
      if (difference === undefined) return undefined;
      if (hadAnother) return { difference };
      // It can only come from this save: nothing better will follow.
      other = difference;
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      return { error };
    }
  };
  const { missing } = await lookAgain(look, { limitMs: LIMIT_MS, signal });
  if (missing !== undefined && "error" in missing) throw missing.error;
  return missing?.difference ?? other;
}
