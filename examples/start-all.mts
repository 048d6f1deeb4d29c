// Starts every linked session of whatsapp-web.js that a store has. A session that is damaged, deleted, or does not start
// stops no other.
import { RemoteAuth, type VaultError } from "wa-vault";
import { FileStore } from "wa-vault/fs";
import { Client } from "whatsapp-web.js";

const store = new FileStore({ directory: process.env.SESSIONS ?? "./volume/sessions" });
/** So many browsers start at once. */
const AT_ONCE = 3;

function tell(session: string, { code, message, hint }: VaultError): void {
  console.error(session, code, message, hint ?? "");
}

async function start(session: string): Promise<void> {
  const clientId = session.slice("RemoteAuth-".length);
  const client = new Client({ authStrategy: new RemoteAuth({ store, clientId, backupSyncIntervalMs: 300_000 }) });
  client.on("ready", () => console.log(session, "is ready"));
  client.on("qr", () => console.log(session, "asks to be linked again"));
  client.on("remote_session_error", (error: VaultError) => tell(session, error));
  await client.initialize().catch(async (error) => {
    tell(session, error);
    await client.destroy().catch(() => {});
  });
}

// The whole list first: the starts take long, and a database ends a listing that stands still.
const linked: string[] = [];
for await (const { session, problem, kind, saved, deleted } of store.sessions({ details: true })) {
  if (problem) tell(session, problem);
  else if (kind === "profile" && saved && !deleted && /^RemoteAuth(-|$)/.test(session)) linked.push(session);
}
const next = linked.values();
const startSome = async () => {
  for (const session of next) await start(session);
};
await Promise.all(Array.from({ length: AT_ONCE }, startSome));
