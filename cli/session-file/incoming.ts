import type { CopyProgress } from "../../lib/copy-session.ts";
import { VaultError } from "../../lib/errors.ts";
import { pushSession } from "../../lib/local-session/push-session.ts";
import { type LocalForm, recogniseSession } from "../../lib/local-session/recognise.ts";
import { importSession, readSessionFile, type SessionFileFacts } from "../../lib/session-file/import-session.ts";
import type { SessionStore } from "../../lib/store.ts";
import type { Cli } from "../cli.ts";
import { withFileKey } from "./file-key.ts";

/** A session on the disk that is brought into a store. */
export interface Incoming {
  /** Absolute. */
  readonly path: string;
  readonly form: LocalForm;
  /** Name of the session in the store. */
  readonly session: string;
  readonly kind: "profile" | "records";
  /** What a session file tells beside that. */
  readonly facts?: Pick<SessionFileFacts, "encrypted" | "exportedAt" | "proven" | "rejected">;
  bring(call: BringCall): Promise<Brought>;
}

/** How a session is brought. */
export interface BringCall {
  readonly to: SessionStore;
  readonly overwrite: boolean;
  readonly otherPhone: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** What came of it. */
export interface Brought {
  readonly files: number;
  readonly bytes: number;
  readonly unchanged: boolean;
  readonly ms: number;
}

/**
 * Finds out what is at a path, and asks for the passphrase of a file where one is needed.
 * @param given the name of the session. @default the one that the file or its name tells
 * @throws `INVALID` when there is no name, or nobody can tell what is there; `WRONG_KEY`; as `recogniseSession` and `readSessionFile`
 */
export async function incomingFrom(cli: Cli, place: string, given: string | undefined): Promise<Incoming> {
  const local = await recogniseSession(place);
  const { path, form } = local;
  if (form === "session-file") return await fileFrom(cli, path, given);
  const kind = form === "multi-file" ? "records" : "profile";
  const session = given === undefined ? local.session : wholeName(given, kind);
  if (session === undefined) {
    throw new VaultError("INVALID", `The name of ${path} does not tell the name of the session.`, {
      hint: "Name the session behind it, such as `support`.",
    });
  }
  const onWarning = (message: string): void => cli.warn(message);
  const bring = (call: BringCall): Promise<Brought> => pushSession({ ...call, from: path, session, onWarning });
  return { path, form, session, kind, bring };
}

async function fileFrom(cli: Cli, path: string, given: string | undefined): Promise<Incoming> {
  const { read, encryption } = await withFileKey(cli, path, (key) =>
    readSessionFile({ from: path, encryption: key, signal: cli.signal }),
  );
  const { kind, encrypted, exportedAt, proven, rejected } = read;
  const session = given === undefined ? read.session : wholeName(given, kind);
  const facts = { encrypted, exportedAt, proven, rejected };
  const bring = (call: BringCall): Promise<Brought> => importSession({ ...call, from: path, session, encryption });
  return { path, form: "session-file", session, kind, facts, bring };
}

/** The name in a store of what bots call so. */
function wholeName(given: string, kind: "profile" | "records"): string {
  if (!/^[-\w]+$/.test(given)) {
    throw new VaultError("INVALID", "The name of a session has letters, digits, `-` and `_` only.");
  }
  if (/^(?:RemoteAuth(?:-|$)|Baileys-)/.test(given)) return given;
  return `${kind === "records" ? "Baileys" : "RemoteAuth"}-${given}`;
}
