import type { StateSpec } from "./states.ts";

/** The id of a record that a bot counts up, beside its socket. */
export const COUNTER = "counter.0";

export interface KillSpec {
  readonly state: StateSpec;
  readonly url: string;
  /** Whom the bot writes to. */
  readonly jids: readonly string[];
}

/** What the process of a bot says. */
export type KillNews =
  | { readonly qr: string }
  /** What it has found when it opened its state. */
  | { readonly found: number; readonly isLinked: boolean }
  | { readonly connected: true }
  | { readonly stored: number }
  /** Why it does not go on. */
  | { readonly ended: string };
