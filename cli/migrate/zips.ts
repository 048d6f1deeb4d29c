import { basename } from "node:path";
import { copySession } from "../../lib/copy-session.ts";
import { VaultError } from "../../lib/errors.ts";
import type { SessionStore } from "../../lib/store.ts";
import { newNameOf } from "../change/new-name.ts";
import type { OldForm, OldSession } from "./old-setup.ts";

/** Writes what an old setup has of a session as a zip at `path`. */
export type WriteZip = (path: string, signal: AbortSignal, onWarning: (message: string) => void) => Promise<void>;

/** The name of a session of whatsapp-web.js's own `RemoteAuth`. */
const REMOTE_AUTH = /^RemoteAuth(?:-[-\w]+)?$/;

/**
 * The name that a session has in a store of this package; `undefined` when it is none. Two versions of whatsapp-web.js have
 * named a session by the path of its zip.
 */
export function remoteAuthName(name: string): string | undefined {
  const bare = basename(name.replaceAll("\\", "/"));
  return REMOTE_AUTH.test(bare) ? bare : undefined;
}

/** A session of a browser that an old setup gives as a zip. */
export function zipSession(form: OldForm, name: string, session: string, write: WriteZip): OldSession {
  return {
    form,
    kind: "profile",
    name,
    session,
    as: (given) => zipSession(form, name, newNameOf(session, given), write),
    async move({ to, replace, otherPhone, signal, onStep, onWarning }) {
      const from = zipSource((path) => write(path, signal, onWarning));
      const onProgress = ({ step }: { step: string }): void => onStep(step);
      const call = { from, to, session, fromSession: name, replace, otherPhone, onProgress, signal };
      const { unchanged, files, bytes } = await copySession(call);
      return { unchanged, files, bytes };
    },
  };
}

function zipSource(write: (path: string) => Promise<void>): SessionStore {
  const refuse = (): never => {
    throw new VaultError("INVALID", "Nothing is written to an old setup.");
  };
  return { sessionExists: () => true, extract: ({ path }) => write(path), save: refuse, delete: refuse };
}
