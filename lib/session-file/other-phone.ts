import { noAnswer, VaultError } from "../errors.ts";
import type { SessionStore } from "../store.ts";
import { phoneOf } from "./phone.ts";

/** A session in a store. */
interface Stored {
  readonly store: SessionStore;
  readonly session: string;
}

/** @throws `CONFLICT` when both sessions tell whose they are, and the target is that of another phone */
export async function refuseOtherPhone(source: Stored, target: Stored, signal: AbortSignal | undefined): Promise<void> {
  const exists: unknown = await target.store.sessionExists({ session: target.session });
  if (typeof exists !== "boolean") throw noAnswer(`Could not look for ${target.session}`, exists);
  if (!exists) return;
  const [own, other] = [
    await phoneOf(source.store, source.session, signal),
    await phoneOf(target.store, target.session, signal),
  ];
  if (own === undefined || other === undefined || own === other) return;
  // No number in it: the message may end in a log.
  throw new VaultError("CONFLICT", `The target has ${target.session} of another phone.`, {
    hint: "Nothing was changed. Choose another name, or set `otherPhone` to replace the session of that phone.",
  });
}
