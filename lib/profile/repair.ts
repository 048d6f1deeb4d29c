import { open } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../disk/errors.ts";
import type { FileSource } from "../disk/file-source.ts";
import { scanLog } from "./leveldb/log.ts";
import { byNumber, readManifestName } from "./leveldb/manifest.ts";
import { filesOf } from "./listing.ts";
import { readAll } from "./sources.ts";
import { scanWal, WAL_HEADER_BYTES } from "./sqlite/wal.ts";
import { probeProfile } from "./storage-layout.ts";

/** What a repair has cut off. */
export interface RepairReport {
  /** Files that were cut, with the bytes they had and have. */
  readonly trimmed: readonly { readonly path: string; readonly from: number; readonly to: number }[];
}

/** A file of a storage that is to be cut. */
interface Trim {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Repairs a local profile whose browser was killed: a log or manifest that ends inside a record is cut after its last
 * whole record. No committed write is lost; without the cut, Chromium wipes the storage at its next write. To be called
 * only while no browser runs on the profile. Other damage is left alone: `verifyProfile` names it.
 * @throws `CORRUPT` as `probeProfile`; `UNAVAILABLE` or `DENIED` when the disk refuses
 */
export async function repairProfile(dir: string): Promise<RepairReport> {
  const trimmed: { path: string; from: number; to: number }[] = [];
  for (const { backend, path, databases } of (await probeProfile(dir)).storages) {
    const files = await filesOf(dir, path);
    const trims = backend === "leveldb" ? await levelDbTrims(files) : await walTrims(files, databases);
    for (const { name, from, to } of trims) {
      await cut(join(dir, path, name), to);
      trimmed.push({ path: `${path}/${name}`, from, to });
    }
  }
  return { trimmed };
}

async function levelDbTrims(files: ReadonlyMap<string, FileSource>): Promise<Trim[]> {
  const current = files.get("CURRENT");
  const { logs } = byNumber(files);
  const newest = logs.get(Math.max(...logs.keys()))?.name;
  const trims: Trim[] = [];
  for (const name of [current && (await readManifestName(current)), newest]) {
    const source = files.get(name ?? "");
    if (name === undefined || source === undefined) continue;
    const { tail, end } = scanLog(await readAll(source), () => {});
    if (tail === "partial") trims.push({ name, from: source.size, to: end });
  }
  return trims;
}

async function walTrims(files: ReadonlyMap<string, FileSource>, databases: readonly string[]): Promise<Trim[]> {
  const trims: Trim[] = [];
  for (const name of databases.map((database) => `${database}-wal`)) {
    const wal = files.get(name);
    if (wal === undefined) continue;
    const { reason, end, pageSize } = await scanWal(wal);
    // SQLite writes a header in one write: a damaged header was whole once, and so may be every commit after it.
    if (pageSize === 0 && wal.size > WAL_HEADER_BYTES) continue;
    if (reason) trims.push({ name, from: wal.size, to: end });
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
