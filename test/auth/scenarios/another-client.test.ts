// A strategy may go over to a new client. whatsapp-web.js goes on to call the hooks of the client before: at a second
// `destroy()`, or for events of its page that come late.
import { access } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryStore } from "../../../adapters/memory.ts";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { NoAuth } from "../../../lib/auth/no-auth.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { clientOptions } from "../../support/client.ts";
import { useFolder } from "../../support/folder.ts";
import { useLookTimes } from "../../support/look-times.ts";
import { whatsapp, whatsappVersions } from "../../support/whatsapp.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const folder = useFolder();

// Who goes on while it is looked at has the profile, however short the look.
useLookTimes({ heldMs: 100 });
let dataPath: string;
let store: MemoryStore;
let clients: ScriptedClient[];

beforeEach(() => {
  dataPath = folder();
  store = new MemoryStore();
  clients = [];
});
afterEach(async () => {
  for (const client of clients) await client.destroy();
});

type Kind = "LocalAuth" | "RemoteAuth";

function strategy(kind: Kind, path = dataPath): LocalAuth | RemoteAuth {
  if (kind === "LocalAuth") return new LocalAuth({ dataPath: path });
  return new RemoteAuth({ store, dataPath: path, backupSyncIntervalMs: 60_000, leaseWaitMs: 0 });
}

function clientOf(auth: LocalAuth | RemoteAuth): ScriptedClient {
  const client = new ScriptedClient(auth);
  clients.push(client);
  return client;
}

/** The hooks that whatsapp-web.js calls late. */
const late: Record<string, (client: ScriptedClient) => Promise<unknown>> = {
  "is destroyed again": (client) => client.destroy(),
  "is logged out": (client) => client.logout(),
  "has a page that logs out": (client) => client.loggedOut(),
  "is disconnected": (client) => client.state("CONFLICT"),
  "is UNPAIRED": (client) => client.state("UNPAIRED"),
  "is ready": (client) => client.ready(),
};

describe.each(["LocalAuth", "RemoteAuth"] as const)("%s that has gone over to another client", (kind) => {
  it.each(Object.keys(late))("goes on when the client before %s", async (name) => {
    const auth = strategy(kind);
    const old = clientOf(auth);
    await old.initialize("qr");
    await old.destroy();
    const next = clientOf(auth);
    await next.initialize("qr");
    const signals = process.listenerCount("SIGTERM");

    await late[name]?.(old);

    expect(process.listenerCount("SIGTERM")).toBe(signals);
    expect(next.pupBrowser?.isConnected()).toBe(true);
    await access(join(dataPath, kind === "LocalAuth" ? "session" : "RemoteAuth"));
    expect(() => clientOf(auth)).toThrow("belongs to another client already");
    // Another bot on this profile, or on another machine.
    const elsewhere = clientOf(strategy(kind, kind === "LocalAuth" ? dataPath : folder()));
    await expect(elsewhere.initialize("qr")).rejects.toMatchObject({ code: "LEASE_HELD" });
    await next.destroy();
    await elsewhere.initialize("qr");
  });

  it.each(whatsappVersions)("is called no more by the client before, in whatsapp-web.js %s", async (version) => {
    const auth = strategy(kind);
    const { Client } = whatsapp(version);
    const made = (): { authStrategy?: unknown } => new Client(clientOptions({ authStrategy: auth })) as object;
    const old = made();
    expect(old.authStrategy).toBe(auth);
    await auth.destroy();
    const next = made();
    expect(next.authStrategy).toBe(auth);
    expect(old.authStrategy).toBeInstanceOf(NoAuth);
  });
});
