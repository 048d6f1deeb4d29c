import { type Address, refuseParameters } from "../parse-address.ts";
import type { OpenedStore, SchemeOptions } from "../scheme.ts";

/** `file:./sessions`, `file:~/sessions`, `file:///var/lib/sessions` */
export async function openDirectory(address: Address, options: SchemeOptions): Promise<OpenedStore> {
  refuseParameters(address, []);
  const { FileStore } = await import("../../adapters/fs/index.ts");
  return { store: new FileStore({ ...options, directory: address.path }), close: async () => {} };
}
