import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Capture, CaptureFile } from "../../../../lib/store.ts";

/** A file of {@link captureDirectory}. */
export interface ListedFile extends Pick<CaptureFile, "path" | "size" | "change" | "identity"> {}

/** A capture of files below a directory, which are read by descriptors: nothing checks what they hold. */
export async function captureDirectory(dir: string, listed: readonly ListedFile[]): Promise<Capture> {
  const handles: FileHandle[] = [];
  const uses = new Set<Promise<unknown>>();
  const files = await Promise.all(
    listed.map(async (file): Promise<CaptureFile> => {
      const handle = await open(join(dir, file.path), "r");
      handles.push(handle);
      return {
        ...file,
        read: async (position, length) => {
          const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
          return buffer.subarray(0, bytesRead);
        },
        withDescriptor: (work) => {
          const use = work({ fd: handle.fd, position: 0 });
          uses.add(use);
          return use;
        },
      };
    }),
  );
  return {
    files,
    profile: { browserVersion: "156.0.8078.79", localStorage: "leveldb" },
    live: true,
    takenAt: new Date(),
    captureMs: 0,
    spreadMs: 0,
    verified: true,
    async close() {
      await Promise.allSettled(uses);
      for (const handle of handles) await handle.close();
    },
  };
}
