import { loadLibrary } from "../load-library.ts";
import { type Address, withoutParameters } from "../parse-address.ts";
import type { OpenedStore, SchemeOptions } from "../scheme.ts";

/** `postgres://…/database`, with `table`; the other parameters are the driver's. */
export async function openPostgres(address: Address, options: SchemeOptions): Promise<OpenedStore> {
  const { Pool } = await loadLibrary("A store in PostgreSQL", [
    { name: "pg", load: async () => (await import("pg")).default },
  ]);
  const { PostgresStore } = await import("../../adapters/postgres/index.ts");
  const pool = new Pool({ connectionString: withoutParameters(address, ["table"]) });
  const table = address.parameters.get("table") ?? undefined;
  return { store: new PostgresStore({ ...options, pool, table }), close: () => pool.end() };
}
