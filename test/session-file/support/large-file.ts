// `tsx test/session-file/support/large-file.ts <megabytes>`: exports and imports one session of that size, in a process of its
// own; prints its memory as JSON, in megabytes.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { FileStore } from "../../../adapters/fs/index.ts";
import { exportSession } from "../../../lib/session-file/export-session.ts";
import { importSession } from "../../../lib/session-file/import-session.ts";
import type { CaptureFile } from "../../../lib/store.ts";
import { captureOf, noise, profileFiles } from "../../contract/profile.ts";
import { testKey } from "../../support/keys.ts";
import { scratchFolder } from "../../support/scratch.ts";

const MB = 1024 * 1024;
const FILE_BYTES = 4 * MB;
const session = "RemoteAuth-large";
const directory = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.blob/1";
const pattern = noise(FILE_BYTES);

/** A file that is made when it is read, different for each number. */
function largeFile(_: unknown, n: number): CaptureFile {
  const content = (): Buffer => {
    const bytes = Buffer.from(pattern);
    for (let at = 0; at < bytes.length; at += 512) bytes.writeUInt32LE((n * 8_191 + at) >>> 0, at);
    return bytes;
  };
  const read = async (position: number, length: number): Promise<Buffer> =>
    content().subarray(position, position + length);
  return { path: `${directory}/${n}`, size: FILE_BYTES, change: "never", identity: `${n}`, read };
}

const megabytes = Number(process.argv[2]);
const folder = scratchFolder("large-file-");
try {
  const from = new FileStore({ directory: join(folder, "from") });
  const lease = await from.acquire({ session });
  const small = captureOf(profileFiles("linked"));
  const capture = {
    ...small,
    files: [...small.files, ...Array.from({ length: (megabytes * MB) / FILE_BYTES }, largeFile)],
  };
  await from.saveProfile({ session, lease, capture });
  await lease.release();
  const [path, encryption] = [join(folder, "x.wavault"), { key: testKey(1) }];
  const idleMb = Math.round(process.memoryUsage.rss() / MB);
  const { fileBytes } = await exportSession({ from, session, to: path, encryption });
  const to = new FileStore({ directory: join(folder, "to") });
  const { unchanged } = await importSession({ from: path, to, encryption });
  const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ idleMb, peakMb, fileBytes, unchanged }));
} finally {
  await rm(folder, { recursive: true, force: true });
}
