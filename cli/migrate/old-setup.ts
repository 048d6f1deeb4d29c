// `cli/migrate` finds the sessions of other packages, and moves each into a store of this one. Nothing is written to an old
// setup.
import type { Vault } from "../../lib/vault/vault.ts";

/** The setups that are known, as `--form` names them. */
export const FORMS = ["local-auth", "wwebjs-mongo", "wwebjs-aws-s3", "zips", "multi-file", "wapi"] as const;
export type OldForm = (typeof FORMS)[number];

/** What has become of one session. */
export interface Moved {
  /** The store had exactly this already. */
  readonly unchanged: boolean;
  /** Files of the profile, or records. */
  readonly files: number;
  /** Of a profile. */
  readonly bytes?: number;
  readonly warnings?: readonly string[];
}

/** How a session is moved. */
export interface MoveOptions {
  readonly to: Vault;
  readonly replace: boolean;
  /** With `replace`, also where the session in the store is that of another phone. */
  readonly otherPhone: boolean;
  readonly signal: AbortSignal;
  readonly onStep: (step: string) => void;
  readonly onWarning: (message: string) => void;
}

/** One session of an old setup. */
export interface OldSession {
  readonly form: OldForm;
  readonly kind: "profile" | "records";
  /** Its name there. */
  readonly name: string;
  /** Its name in a store of this package. */
  readonly session: string;
  move(options: MoveOptions): Promise<Moved>;
  /** The same under another name. @throws `INVALID` when it is none */
  as(name: string): OldSession;
}

/** What an old setup has. */
export interface OldSetup {
  readonly sessions: readonly OldSession[];
  /** Names of what lies beside the sessions, and is none. */
  readonly left: readonly string[];
}
