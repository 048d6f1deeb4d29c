// A process on any release of Node.js: `tsx other-node.ts save <directory> <key in hexadecimal, or nothing>` saves
// `severalChunks` as a session there, `… restore <directory> <key> <folder>` restores the session into the folder.
import { FileStore } from "../../../adapters/fs/index.ts";
import { captureOf } from "../../contract/profile.ts";
import { severalChunks } from "./several-chunks.ts";

const [what, directory = "", key = "", into = ""] = process.argv.slice(2);
const session = "RemoteAuth-bot";
const store = new FileStore({ directory, ...(key === "" ? {} : { encryption: { key: Buffer.from(key, "hex") } }) });
if (what === "restore") await store.restoreProfile({ session, into });
else {
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(severalChunks()) });
  await lease.release();
}
console.log(process.version);
