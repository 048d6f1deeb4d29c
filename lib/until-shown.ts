import { lookAgain } from "./async/look-again.ts";

/** Why a store may not have what it was given: a clause, or the error of the call that was to tell. */
export type NotShown = { readonly difference: string } | { readonly error: unknown };

export interface UntilShown {
  /** Whether the store says that it has the session. */
  readonly exists: () => Promise<boolean>;
  /** The first difference between what it returns and what it was given, as a clause. @default it is not asked to return it */
  readonly compare?: (() => Promise<string | undefined>) | undefined;
  /** No pause begins after this time, in milliseconds. */
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told what each look has missed. */
  readonly onMissing?: (missing: NotShown) => void;
}

/**
 * Looks until a store with four methods shows what it was given: some call a zip saved before they have read it, or never
 * read it.
 * @returns what the last look has missed, and how many looks there were
 * @throws the reason of the signal
 */
export async function untilShown(options: UntilShown): Promise<{ missing: NotShown | undefined; looks: number }> {
  const { exists, compare, limitMs, signal, onMissing } = options;
  const look = async (): Promise<NotShown | undefined> => {
    try {
      if (!(await exists())) return { difference: "its sessionExists answers false" };
      const difference = await compare?.();
      return difference === undefined ? undefined : { difference };
    } catch (error) {
      signal?.throwIfAborted();
      return { error };
    }
  };
  const noted = async (): Promise<NotShown | undefined> => {
    const missing = await look();
    if (missing !== undefined) onMissing?.(missing);
    return missing;
  };
  return await lookAgain(noted, { limitMs, signal });
}
