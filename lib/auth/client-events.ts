import type { PublicClient } from "../browser/client.ts";

/** What a strategy tells the client's listeners. */
export type RemoteSessionEvent =
  | "remote_session_saved"
  | "remote_session_restored"
  | "remote_session_error"
  | "remote_session_interrupted"
  | "remote_session_lost"
  | "remote_session_deleted";

/** A listener that throws is its owner's fault: it surfaces as an uncaught exception, and harms no save. */
export function tell(client: PublicClient, event: RemoteSessionEvent, payload: unknown): void {
  try {
    client.emit(event, payload);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
