import { open } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../disk/errors.ts";
import type { FileSource } from "../disk/file-source.ts";
import { byNumber } from "./leveldb/check.ts";
import { scanLog } from "./leveldb/format.ts";
import { manifestOf } from "./leveldb/manifest.ts";
import { filesOf } from "./listing.ts";
import { readAll } from "./sources.ts";
import { scanWal, WAL_HEADER_BYTES } from "./sqlite/wal.ts";
import { probeProfile } from "./storage-layout.ts";

/** What a repair has cut off. */
export interface RepairReport {
  /** Files that were cut, with the bytes they had and have. */
  readonly trimmed: readonly { readonly path: string; readonly from: number; readonly to: number }[];
}

type Trim = RepairReport["trimmed"][number];

/**
 * Repairs a local profile whose browser was killed: a log or manifest that ends inside a record is cut after its last
 * whole record. No committed write is lost; without the cut, Chromium wipes the storage at its next write. To be called
 * only while no browser runs on the profile. Other damage is left alone: `verifyProfile` names it.
 * @throws `CORRUPT` as `probeProfile`; `UNAVAILABLE` or `DENIED` when the disk refuses
 */
export async function repairProfile(dir: string): Promise<RepairReport> {
  const trimmed: Trim[] = [];
  for (const storage of (await probeProfile(dir)).storages) {
    const files = await filesOf(dir, storage.path, () => true);
    const wanted =
      storage.backend === "leveldb" ? await levelDbTrims(files, storage.path) : await walTrims(files, storage);
    for (const trim of wanted) {
      await cut(join(dir, trim.path), trim.to);
      trimmed.push(trim);
    }
  }
  return { trimmed };
}

async function levelDbTrims(files: ReadonlyMap<string, FileSource>, path: string): Promise<Trim[]> {
  const names = new Map([...files].map(([key, source]) => [key.slice(path.length + 1), source]));
  const current = names.get("CURRENT");
  const manifest = current && current.size < 100 ? manifestOf(await readAll(current)) : undefined;
  const { logs } = byNumber(names);
  const newest = logs.get(Math.max(...logs.keys()))?.name;
  const trims: Trim[] = [];
  for (const name of [manifest, newest]) {
    const source = names.get(name ?? "");
    if (source === undefined) continue;
    const { tail, end } = scanLog(await readAll(source), () => {});
    if (tail === "partial") trims.push({ path: `${path}/${name}`, from: source.size, to: end });
  }
  return trims;
}

async function walTrims(
  files: ReadonlyMap<string, FileSource>,
  storage: { path: string; databases: readonly string[] },
): Promise<Trim[]> {
  const trims: Trim[] = [];
  for (const name of storage.databases) {
    const path = `${storage.path}/${name}-wal`;
    const wal = files.get(path);
    if (wal === undefined) continue;
    const { tail, end, pageSize } = await scanWal(wal);
    // SQLite writes a header in one write: a damaged header was whole once, and so may be every commit after it.
    if (pageSize === 0 && wal.size > WAL_HEADER_BYTES) continue;
    if (tail === "partial") trims.push({ path, from: wal.size, to: end });
  }
  return trims;
}

async function cut(path: string, size: number): Promise<void> {
  try {
    const handle = await open(path, "r+");
    try {
      await handle.truncate(size);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw diskError("repair the profile", cause);
  }
}
