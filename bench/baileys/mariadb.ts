import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall } from "../../test/support/services/apt.ts";
import { findInstalled } from "../../test/support/services/path.ts";
import type { Program } from "../../test/support/services/programs.ts";
import { launch, type OwnService } from "../../test/support/services/service.ts";
import type { MysqlAddress } from "./states.ts";

const PROGRAM = "mariadbd";
const DATABASE = "base";

/** MariaDB, for `mysql-baileys`: what is installed, else Debian's package, without a service of its own. */
export async function startMariadb(): Promise<{ service: OwnService; address: MysqlAddress }> {
  const command = findInstalled(PROGRAM) ?? (await aptInstall(["mariadb-server-core"], PROGRAM));
  const signal: Program["signal"] = (child, name) => void child.kill(name);
  const program: Program = { command, inContainer: false, before: () => [], signal, way: `mariadb: ${command}` };
  const service = await launch({
    name: "mariadb",
    program,
    prepare: ({ dir }) => {
      writeFileSync(join(dir, "first.sql"), `CREATE DATABASE IF NOT EXISTS ${DATABASE};\n`);
      // Without tables of its own it has no accounts, which nobody needs here.
      mkdirSync(join(dir, "data"));
    },
    args: ({ port, dir }) => [
      "--no-defaults",
      "--user=root",
      "--skip-grant-tables",
      "--bind-address=127.0.0.1",
      `--port=${port}`,
      `--datadir=${join(dir, "data")}`,
      `--socket=${join(dir, "mariadb.sock")}`,
      `--init-file=${join(dir, "first.sql")}`,
    ],
    address: () => ({}),
  });
  const address = { host: "127.0.0.1", port: service.port, user: "root", password: "", database: DATABASE };
  return { service, address };
}
