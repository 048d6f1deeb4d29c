import type { Address } from "../parse-address.ts";
import type { OpenedBlobs, SchemeOptions } from "../scheme.ts";

/** `file:./sessions`, `file:~/sessions`, `file:///var/lib/sessions` */
export async function openDirectory({ path }: Address, options: SchemeOptions): Promise<OpenedBlobs> {
  const { FileBlobs } = await import("../../adapters/fs/index.ts");
  return { blobs: new FileBlobs({ ...options, directory: path }), close: async () => {} };
}
