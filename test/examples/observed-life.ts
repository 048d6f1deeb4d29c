// A life of some sessions under an example of metrics (its path is the argument), in a process of its own. Tells what the
// example serves, where it serves anything.
import { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MemoryStore } from "../../adapters/memory.ts";
import { tell } from "../../lib/diagnostics/channels.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { takeOver } from "../support/take-over.ts";

const servers: Server[] = [];
const { listen } = Server.prototype;
Server.prototype.listen = function (this: Server, ...args: unknown[]) {
  servers.push(this);
  return Reflect.apply(listen, this, args);
} as typeof listen;

const [, , example = ""] = process.argv;
await import(pathToFileURL(example).href);

const store = new MemoryStore();
const session = "RemoteAuth-support";
const lease = await store.acquire({ session });
const capture = captureOf(profileFiles("one"));
await store.saveProfile({ session, lease, capture });
await store.saveProfile({ session, lease, capture });
await store.restoreProfile({ session, into: join(process.cwd(), "into") });
await store.restoreProfile({ session, into: join(process.cwd(), "into") }).catch(() => {});

const lost = "RemoteAuth-lost";
const taken = await store.acquire({ session: lost });
await store.saveProfile({ session: lost, lease: taken, capture });
await takeOver(store, lost);
await store.saveProfile({ session: lost, lease: taken, capture }).catch(() => {});
const records = await store.openRecords({ session: "Baileys-bot" });
await records.set([["creds", Buffer.from("x")]]);
await records.close();
tell("link", () => ({ session: lost, store: "memory", wasStored: true, wasReady: false, next: "code" }));

const [server] = servers;
if (server) {
  const { port } = server.address() as AddressInfo;
  const page = await fetch(`http://127.0.0.1:${port}/metrics`);
  process.send?.({ type: page.headers.get("content-type"), text: await page.text() });
}
// The leases that are left end with the process, which the server of an example does not keep alive.
process.disconnect?.();
