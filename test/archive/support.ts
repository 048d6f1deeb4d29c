import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { centralHeader, endRecords, localHeader, methods, type ZipEntry } from "../../lib/archive/zip-format.ts";
import type { CaptureFile } from "../../lib/store.ts";

/** A file of a capture that lives in memory. */
export function memoryFile(path: string, bytes: Buffer): CaptureFile {
  return {
    path,
    size: bytes.length,
    change: "anywhere",
    read: async (position, length) => Buffer.from(bytes.subarray(position, position + length)),
  };
}

/** Every file below `directory`, `/` in names, with the hash of its content; links and directories are named as such. */
export function tree(directory: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const item of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(item.parentPath, item.name);
    if (item.isDirectory()) continue;
    const name = relative(directory, path).split(sep).join("/");
    found[name] = item.isFile() ? hash(readFileSync(path)) : "not a file";
  }
  return found;
}

export function treeOf(files: Record<string, Buffer>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, hash(bytes)]));
}

export function sizeOf(path: string): number {
  return statSync(path).size;
}

function hash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** An entry of {@link craft}: whatever is given replaces what an honest archive would say. */
export interface CraftedEntry extends Partial<ZipEntry> {
  path: string;
  content?: Buffer;
  /** Unix mode, the type bits included. */
  mode?: number;
  /** Flags of the general purpose field. */
  flags?: number;
  /** The name in the local header, when it differs. */
  localPath?: string;
  /** The length of the extra field in the local header, which has none. */
  localExtraBytes?: number;
}

/** Builds an archive by hand, with any lie in it. */
export function craft(entries: readonly CraftedEntry[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const crafted of entries) {
    const content = crafted.content ?? Buffer.from("content");
    const stored = crafted.method === methods.stored;
    const data = stored ? content : deflateRawSync(content);
    const entry: ZipEntry = {
      path: crafted.path,
      method: crafted.method ?? methods.deflated,
      crc: crafted.crc ?? crc32(content),
      compressedSize: crafted.compressedSize ?? data.length,
      size: crafted.size ?? content.length,
      offset: crafted.offset ?? offset,
    };
    const local = localHeader({ ...entry, path: crafted.localPath ?? entry.path }, entry.size >= 0xffffffff);
    if (crafted.localExtraBytes !== undefined) local.writeUInt16LE(crafted.localExtraBytes, 28);
    const header = centralHeader(entry);
    if (crafted.mode !== undefined) header.writeUInt32LE(crafted.mode * 0x10000, 38);
    if (crafted.flags !== undefined) header.writeUInt16LE(crafted.flags, 8);
    parts.push(local, data);
    central.push(header);
    offset += local.length + data.length;
  }
  const directory = Buffer.concat(central);
  return Buffer.concat([...parts, directory, endRecords(entries.length, directory.length, offset)]);
}
