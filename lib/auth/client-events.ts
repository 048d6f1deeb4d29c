import type { PublicClient } from "../browser/client.ts";
import { callListener } from "../warnings.ts";

/** The events that `RemoteAuth` emits on the client. */
export type RemoteSessionEvent =
  | "remote_session_saved"
  | "remote_session_restored"
  | "remote_session_error"
  | "remote_session_interrupted"
  | "remote_session_lost"
  | "remote_session_deleted";

/** Emits an event on the client. The exception of a listener becomes an uncaught exception, and harms no save. */
export function emitEvent(client: PublicClient, event: RemoteSessionEvent, payload: unknown): void {
  callListener(() => client.emit(event, payload));
}
