import type { AddressedStore } from "../../address/store-from-url.ts";
import { copySession } from "../../lib/copy-session.ts";
import { isVaultError } from "../../lib/errors.ts";
import { withScratchVault } from "../../lib/local-session/scratch-vault.ts";
import type { SessionFacts } from "../../lib/store.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { areOfTwoPhones } from "../change/compare.ts";
import type { Cli } from "../cli.ts";
import { isThere } from "../look/facts-json.ts";
import type { Incoming } from "./incoming.ts";
import { stepWords } from "./words.ts";

/** What would come of it, if a session were brought into a store. */
export interface TriedOut {
  readonly files: number;
  readonly bytes: number;
  /** What the store has of the session. */
  readonly there: SessionFacts | undefined;
  /** The store has exactly this. */
  readonly unchanged: boolean;
  /** The store has the session of another phone. */
  readonly isOtherPhone: boolean;
}

/** Does all of it but the last: into a store that is thrown away, and compares with what the right one has. */
export async function tryOut(cli: Cli, store: AddressedStore, incoming: Incoming): Promise<TriedOut> {
  const { session } = incoming;
  const { signal } = cli;
  return await withScratchVault((scratch) =>
    cli.progress(async (show) => {
      const { files, bytes } = await incoming.bring({
        to: scratch,
        overwrite: false,
        otherPhone: false,
        signal,
        onProgress: (at) => show(stepWords(at)),
      });
      const there = await store.facts({ session, signal });
      if (!isThere(there)) return { files, bytes, there, unchanged: false, isOtherPhone: false };
      show(`Comparing ${session}`);
      const unchanged = await isSame(store, scratch, session, signal);
      const isOtherPhone =
        !unchanged && (await areOfTwoPhones({ store: scratch, session }, { store, session }, signal));
      return { files, bytes, there, unchanged, isOtherPhone };
    }),
  );
}

/** Whether both have the same: a copy from the right store would change nothing. */
async function isSame(store: Vault, scratch: Vault, session: string, signal: AbortSignal): Promise<boolean> {
  try {
    // What is read here is not used: it may be that of a bot which goes on.
    const { unchanged } = await copySession({ from: store, to: scratch, session, force: true, signal });
    return unchanged;
  } catch (error) {
    // What is damaged there is something else.
    if (isVaultError(error, "CONFLICT") || isVaultError(error, "CORRUPT")) return false;
    throw error;
  }
}
