// Measures the cost of a capture: npx tsx test/torture/cost.ts [--mb 100] [--backend leveldb|sqlite] [--json file]
import { cp, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { captureProfile } from "../../lib/profile/capture/capture.ts";
import { CheckedFiles } from "../../lib/profile/checked-files.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
import type { Capture } from "../../lib/store.ts";
import { exitOnSignals } from "../support/exit-on-signals.ts";
import { scratchFolder } from "../support/scratch.ts";
import { countReads } from "./count-reads.ts";
import { type Form, openPage } from "./open-page.ts";
import { untilCredentials } from "./run.ts";

const { values } = parseArgs({
  options: { mb: { type: "string", default: "100" }, backend: { type: "string" }, json: { type: "string" } },
});
const forms: Form[] =
  values.backend === "leveldb" || values.backend === "sqlite" ? [values.backend] : ["leveldb", "sqlite"];
const bytes = Number(values.mb) * 1e6;
const rows: object[] = [];
exitOnSignals();

console.log(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}\n`);
for (const form of forms) await measure(form);
console.table(rows);
if (values.json) await writeFile(values.json, JSON.stringify(rows, undefined, 2));

async function measure(form: Form): Promise<void> {
  const root = scratchFolder("cost-");
  const dir = join(root, "profile");
  const page = await openPage(dir, form);
  try {
    await page.phone.pair();
    await page.phone.fill(bytes, { blobShare: 0.3 });
    await untilCredentials(dir);
    await sleep(20_000);
    // As a run keeps it from save to save.
    const checked = new CheckedFiles();
    const first = await row(form, "first capture", () => captureProfile(dir, { live: true, checked }));
    const known = { stored: first.files, checked };
    await row(form, "again, nothing changed", () => captureProfile(dir, { live: true, ...known }));
    await page.phone.fill(bytes / 100, { blobShare: 0.3 });
    await row(form, "1 % changed", () => captureProfile(dir, { live: true, ...known }));
    await row(form, "1 % changed, without `stored`", () => captureProfile(dir, { live: true }));
    const plain = await countReads(() =>
      cp(join(dir, "Default"), join(root, "copy"), { recursive: true }).catch(String),
    );
    rows.push({
      form,
      what: `plain copy of all of Default: ${plain.result ?? "done"}`.slice(0, 60),
      ms: Math.round(plain.ms),
    });
    await page.close();
    await row(form, "at rest, browser closed", () => captureProfile(dir, { live: false, ...known }));
    const verified = await countReads(() => verifyProfile(dir));
    rows.push({ form, what: "verify all of it", ms: Math.round(verified.ms), "MB read": mb(verified.bytes) });
  } finally {
    await page.close().catch(() => {});
    await rm(root, { recursive: true, force: true });
  }
}

async function row(form: Form, what: string, take: () => Promise<Capture>): Promise<Capture> {
  const { result, bytes: read, ms } = await countReads(take);
  const size = result.files.reduce((total, file) => total + file.size, 0);
  const line = { form, what, ms: Math.round(ms), "MB read": mb(read), files: result.files.length, MB: mb(size) };
  rows.push({ ...line, "apart ms": result.spreadMs.toFixed(2) });
  await result.close();
  return result;
}

function mb(size: number): number {
  return Math.round(size / 1e4) / 100;
}
