// `tsx test/session-file/support/kill-export.ts <directory of a store> <session> <file>`: exports a session, and is killed when all
// of the file is written and nothing is synced.
import { readdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { FileStore } from "../../../adapters/fs/index.ts";
import { exportSession } from "../../../lib/session-file/export-session.ts";

const [directory = "", session = "", to = ""] = process.argv.slice(2);
const handle = await open(process.execPath, "r");
const prototype = Object.getPrototypeOf(handle) as FileHandle;
const { sync } = prototype;
// Other files are synced before it.
prototype.sync = async function (): Promise<void> {
  if (readdirSync(dirname(to)).some((name) => name.endsWith(".tmp"))) process.kill(process.pid, "SIGKILL");
  await sync.call(this);
};
await handle.close();
await exportSession({ from: new FileStore({ directory }), session, to, overwrite: true });
