import type { Command } from "commander";

/** Adds the options of every command that opens a store. */
export function withStore(command: Command): Command {
  return command
    .option("--store <address>", "address of the store, without a password [env: WA_VAULT_STORE]")
    .option("--json", "print JSON, for scripts");
}
