import { createRequire } from "node:module";

/** The version of this package. */
export function packageVersion(): string {
  // By its own name: it is found from the source, and from where it was built to.
  const { version } = createRequire(import.meta.url)("wa-vault/package.json") as { version: string };
  return version;
}
