import { join } from "node:path";
import { withTemporary } from "../disk/temporary.ts";
import { SpoolBlobs } from "../session-file/spool-blobs.ts";
import { Vault } from "../vault/vault.ts";

/** Does `work` with an empty store in a temporary file, which is removed afterwards. */
export async function withScratchVault<T>(work: (vault: Vault) => Promise<T>): Promise<T> {
  return await withTemporary(async (folder) => {
    const spool = await SpoolBlobs.create(join(folder, "session"));
    try {
      return await work(new Vault({ blobs: spool, onWarning: () => {} }));
    } finally {
      await spool.close();
    }
  });
}
