import { execFileSync, type StdioOptions } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import pg from "pg";
import { processTree } from "../process-tree.ts";
import { aptInstall } from "./apt.ts";
import { findInstalled } from "./path.ts";
import { debian, obtain, type Program } from "./programs.ts";
import { launch, type OwnService, type Place, type Service, type User } from "./service.ts";

const PROGRAM = "postgres";
/** Debian puts each release into a directory of its own, and none of them on the PATH. */
const RELEASES = "/usr/lib/postgresql";
const PASSWORD = "wavault-secret";
/** The superuser, and the database. */
const OWNER = "postgres";

/** A PostgreSQL: the one in the environment, else one of ours. */
export async function startPostgres(): Promise<Service> {
  const { POSTGRES_URL } = process.env;
  if (!POSTGRES_URL) return startOwnPostgres();
  return { name: "postgres", env: { POSTGRES_URL }, way: "postgres: POSTGRES_URL", stop: async () => {} };
}

/** `postgres`, with `initdb` beside it. There is no way by Docker: the data would have to be of a user of the image. */
export async function obtainPostgres(): Promise<Program> {
  const program = await obtain({
    program: PROGRAM,
    places: releases(),
    source: { cached: () => undefined, bring: fetchPostgres },
    hint: "Set POSTGRES_URL, or install PostgreSQL.",
  });
  return { ...program, signal: (child, signal) => signalAll(child.pid, signal) };
}

/** A PostgreSQL whose processes are ours. @param settings further ones, e.g. `["max_connections=5"]` */
export async function startOwnPostgres(settings: readonly string[] = []): Promise<OwnService> {
  return launchPostgres(settings, (tool, { dir }) => {
    const password = join(dir, "password");
    writeFileSync(password, PASSWORD, { mode: 0o644 });
    const access = ["--auth-host=scram-sha-256", `--username=${OWNER}`, `--pwfile=${password}`];
    tool("initdb", ["-D", dataIn(dir), ...access, "--no-locale", "--encoding=UTF8", "--no-sync"]);
  });
}

/** A hot standby: it answers reads with what its primary has sent, and takes no writes. */
export async function startPostgresStandby(primary: OwnService): Promise<OwnService> {
  return launchPostgres([], (tool, { dir }) => {
    const from = ["-h", "127.0.0.1", "-p", String(primary.port), "-U", OWNER];
    tool("pg_basebackup", ["-D", dataIn(dir), ...from, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
  });
}

/** `pgbouncer`. @throws ServiceMissing */
export function obtainPgBouncer(): Promise<Program> {
  return obtain({
    program: "pgbouncer",
    places: ["/usr/sbin"],
    source: debian(["pgbouncer"], "pgbouncer"),
    hint: "Install pgbouncer.",
  });
}

/** PgBouncer in front of a server, in transaction mode: each transaction of a connection may be on another one behind it. */
export async function startPgBouncer(
  { port: behind }: OwnService,
  settings: readonly string[] = [],
): Promise<OwnService> {
  return launch({
    name: "pgbouncer",
    program: await obtainPgBouncer(),
    user: unprivileged(),
    prepare: ({ port, dir }) => {
      writeFileSync(join(dir, "users.txt"), `"${OWNER}" "${PASSWORD}"\n`);
      const lines = [
        ["[databases]", `* = host=127.0.0.1 port=${behind}`, "[pgbouncer]", `listen_port = ${port}`],
        ["listen_addr = 127.0.0.1", "unix_socket_dir =", "pool_mode = transaction", "auth_type = plain"],
        [`auth_file = ${join(dir, "users.txt")}`, ...settings, ""],
      ];
      writeFileSync(join(dir, "pgbouncer.ini"), lines.flat().join("\n"));
    },
    args: ({ dir }) => [join(dir, "pgbouncer.ini")],
    ready: answers,
    address,
  });
}

/** Runs a program that comes with the server. */
type Tool = (name: string, args: string[]) => void;

async function launchPostgres(settings: readonly string[], fill: (tool: Tool, at: Place) => void): Promise<OwnService> {
  const program = await obtainPostgres();
  const user = unprivileged();
  return launch({
    name: "postgres",
    program,
    user,
    prepare: (at) => {
      const env = { ...process.env, PGPASSWORD: PASSWORD };
      const stdio: StdioOptions = ["ignore", "ignore", "pipe"];
      const tool: Tool = (name, args) =>
        void execFileSync(join(dirname(realpathSync(program.command)), name), args, {
          cwd: at.dir,
          env,
          stdio,
          ...user,
        });
      fill(tool, at);
    },
    args: ({ port, dir }) => [
      ...["-D", dataIn(dir), "-p", String(port)],
      // A server that is killed loses nothing that the system has; only a machine that dies does.
      ...["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", ...settings].flatMap((one) => [
        "-c",
        one,
      ]),
    ],
    ready: answers,
    address,
  });
}

function dataIn(dir: string): string {
  return join(dir, "data");
}

function address(port: number): Record<string, string> {
  return { POSTGRES_URL: `postgres://${OWNER}:${PASSWORD}@127.0.0.1:${port}/${OWNER}` };
}

/** While it starts, it accepts connections and refuses them. */
async function answers(port: number): Promise<boolean> {
  const client = new pg.Client({ connectionString: address(port).POSTGRES_URL, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    return true;
  } finally {
    await client.end();
  }
}

/** The newest release first. */
function releases(): string[] {
  if (!existsSync(RELEASES)) return [];
  const names = readdirSync(RELEASES).sort((one, other) => Number(other) - Number(one));
  return names.map((name) => join(RELEASES, name, "bin"));
}

/** A package of PostgreSQL also makes a cluster, and starts it at every boot from then on: nobody asked for that. */
async function fetchPostgres(): Promise<string> {
  const settings = "/etc/postgresql-common/createcluster.d";
  const none = join(settings, "wa-vault.conf");
  try {
    mkdirSync(settings, { recursive: true });
    writeFileSync(none, "create_main_cluster = false\n");
    await aptInstall(["postgresql"], "pg_lsclusters");
  } finally {
    rmSync(none, { force: true });
  }
  const server = findInstalled(PROGRAM, releases());
  if (server === undefined) throw new Error(`the package postgresql brought no ${PROGRAM}`);
  return server;
}

/** PostgreSQL and PgBouncer refuse to be run by root. */
function unprivileged(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+)/m.exec(readFileSync("/etc/passwd", "utf8")) ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error("PostgreSQL may not be run by root, and there is no user nobody.");
  return { uid: Number(uid), gid: Number(gid) };
}

/** A server is a process for each connection, and some more. The first one begins the others: it is told first. */
function signalAll(first: number | undefined, signal: NodeJS.Signals): void {
  if (first === undefined) return;
  if (signal === "SIGKILL") send(first, "SIGSTOP");
  for (const pid of [first, ...processTree(first)]) send(pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
