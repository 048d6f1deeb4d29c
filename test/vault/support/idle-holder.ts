// A process of its own that takes a session and has nothing else to do: `tsx idle-holder.ts memory`, or
// `tsx idle-holder.ts file <directory>`. Says `held` once it has the session.
import { FileStore } from "../../../adapters/fs/index.ts";
import { MemoryStore } from "../../../adapters/memory.ts";

const [kind, directory = ""] = process.argv.slice(2);
const store = kind === "file" ? new FileStore({ directory }) : new MemoryStore();
const lease = await store.acquire({ session: "RemoteAuth-bot" });
console.log(lease.lost.aborted ? "lost" : "held");
