// Takes a capture with few descriptors left: prints what it holds, as JSON. `<dir> <how many to keep busy>`
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";

const [dir = "", busy = "0"] = process.argv.slice(2);
const taken: unknown[] = [];
for (let i = 0; i < Number(busy); i++) taken.push(await open(import.meta.filename, "r"));
const capture = await captureProfile(dir, { live: true });
const hash = createHash("sha256");
for (const { path, size, read } of capture.files) hash.update(path).update(await read(0, size));
console.log(JSON.stringify({ files: capture.files.length, sha256: hash.digest("hex"), busy: taken.length }));
await capture.close();
process.exit(0);
