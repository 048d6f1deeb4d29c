import { isSameProcess, type ProcessState, stateHere, stateOf } from "../disk/process-id.ts";
import type { Claim, FoundClaim } from "./claim-file.ts";

const KEY = Symbol.for("wa-vault.claims");
const shared = globalThis as { [KEY]?: Set<string> };
shared[KEY] ??= new Set();
/** Ids of the claims of the runs of this process. All copies of this package that a process has loaded share them. */
export const living: Set<string> = shared[KEY];

/** The state of the run that a claim is of. */
export async function stateOfRun(found: FoundClaim, own: Claim): Promise<ProcessState> {
  const state = await stateOfOwner(found, own);
  // The folder was copied while that run had the original, where it goes on.
  const isCopy = found.claim?.file !== undefined && found.claim.file !== found.file;
  return isCopy && state === "running" ? "unknown" : state;
}

async function stateOfOwner({ claim }: FoundClaim, own: Claim): Promise<ProcessState> {
  // Torn: its owner may be writing it.
  if (claim === undefined) return "unknown";
  // Of this process: other threads have runs of their own.
  if (isSameProcess(claim, own)) return living.has(claim.id) ? "running" : "unknown";
  if (own.boot !== undefined && claim.boot !== undefined) return await stateOf(claim);
  if (claim.host !== own.host || claim.boot !== undefined) return "unknown";
  // Containers may have one name; where a namespace is not known, nothing tells them apart.
  if ((claim.pidNamespace ?? own.pidNamespace) !== (own.pidNamespace ?? claim.pidNamespace)) return "unknown";
  const state = await stateHere(claim);
  // An earlier version has written no boot, and may have run in a container of this name.
  return state === "ended" && own.boot !== undefined ? "unknown" : state;
}
