import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeTemporary } from "../disk/temporary.ts";
import { SpoolBlobs } from "../session-file/spool-blobs.ts";
import { Vault } from "../vault/vault.ts";

/** Does `work` with an empty store in a temporary file, which is removed afterwards. */
export async function withScratchVault<T>(work: (vault: Vault) => Promise<T>): Promise<T> {
  const directory = await makeTemporary();
  let spool: SpoolBlobs | undefined;
  try {
    spool = await SpoolBlobs.create(join(directory, "session"));
    return await work(new Vault({ blobs: spool, onWarning: () => {} }));
  } finally {
    await spool?.close();
    await rm(directory, { recursive: true, force: true });
  }
}
