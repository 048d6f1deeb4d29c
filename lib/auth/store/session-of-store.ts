import { kindOf } from "../../diagnostics/observe.ts";
import { isProfileStore, type SessionStore } from "../../store.ts";
import { ObservedSession } from "./observed-session.ts";
import { ProfileSession, type ProfileSessionOptions } from "./profile-session.ts";
import type { StoreSession } from "./store-session.ts";
import { ZipSession } from "./zip-session.ts";

export interface SessionOfStoreOptions extends ProfileSessionOptions {
  readonly session: string;
  /** Folder in which zips are made. */
  readonly dataPath: string;
  /** Whether zips are stored also in a store that takes profiles file by file. */
  readonly zip: boolean;
}

/** A view of a session in a store of either kind. */
export function sessionOfStore(store: SessionStore, options: SessionOfStoreOptions): StoreSession {
  const { session, dataPath, zip } = options;
  const place = { session, store: kindOf(store) };
  if (!zip && isProfileStore(store)) {
    return new ObservedSession(new ProfileSession(store, session, options), { ...place, form: "profile" });
  }
  return new ObservedSession(new ZipSession(store, session, dataPath, !isProfileStore(store)), {
    ...place,
    form: "zip",
  });
}
