import { join } from "node:path";
import { describe } from "vitest";
import { kinds } from "../../address/support/servers.ts";
import { useFolder } from "../../support/folder.ts";
import { unique } from "../../support/services/index.ts";
import { suiteWith } from "../../support/services/suite.ts";
import { useEnvironment } from "./credentials.ts";

/** Answers the address of a new, empty store. */
export type AddressOf = () => Promise<string>;

/**
 * Defines tests for a directory and for a server of each kind, by the addresses of stores on them.
 * @param define is called in a suite of its own for each; `store` is `directory` or the name of the kind
 */
export async function onEachStore(define: (addressOf: AddressOf, store: string) => void): Promise<void> {
  describe("a directory", () => {
    const folder = useFolder();
    define(async () => `file:${join(folder(), "sessions")}`, "directory");
  });
  for (const kind of kinds) {
    await suiteWith(kind.name, kind.start, (service) => {
      useEnvironment(kind.env?.(service) ?? {});
      define(async () => {
        const name = `wa-vault-${unique()}`;
        await kind.prepare?.(service, name);
        return kind.addressOf(service, { port: kind.portOf(service), name });
      }, kind.name);
    });
  }
}
