import type { AddressedStore } from "../../address/store-from-url.ts";
import { VaultError } from "../../lib/errors.ts";
import type { GenerationInfo } from "../../lib/store.ts";

/**
 * The generation that would be taken out of a store: the named one, else the current one.
 * @throws `ABSENT` when the session has none such
 */
export async function keptGeneration(
  store: AddressedStore,
  session: string,
  wanted: number | undefined,
  signal: AbortSignal,
): Promise<GenerationInfo> {
  const state = await store.state({ session, signal });
  const number = wanted ?? state?.current?.generation;
  const found = state?.generations.find(({ generation }) => generation === number);
  if (found) return found;
  if (wanted === undefined) {
    throw new VaultError("ABSENT", `Nothing is stored of ${session}${state?.deleted ? ": it was deleted" : ""}.`, {
      hint: state?.deleted ? `\`wa-vault undelete ${session}\` may bring it back.` : undefined,
    });
  }
  const kept = state?.generations.map(({ generation }) => generation).join(", ");
  throw new VaultError("ABSENT", `There is no generation ${wanted} of ${session}.`, {
    hint: kept ? `It has generation ${kept}.` : undefined,
  });
}

/** What a person is told of a generation that WhatsApp has refused. */
export function refusedWords(generation: number): string {
  return `WhatsApp has refused generation ${generation}: a bot that starts from it may be asked to link again.`;
}
