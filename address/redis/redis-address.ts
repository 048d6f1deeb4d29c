import type { ConnectionOptions } from "node:tls";
import { VaultError } from "../../lib/errors.ts";
import { type Host, hostOf, hostsOf } from "../hosts.ts";
import { decoded } from "../parameters.ts";
import type { Address } from "../parse-address.ts";
import { fileOf } from "../tls-files.ts";
import { wrongAddress } from "../wrong-address.ts";

/** What to connect to, for either client library. */
export interface RedisTarget {
  readonly kind: "one" | "sentinel" | "cluster";
  readonly hosts: readonly [Host, ...Host[]];
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Always 0 of a Cluster. */
  readonly database: number;
  /** `undefined` for a connection that is not encrypted. */
  readonly tls: ConnectionOptions | undefined;
  /** Of `sentinel`: the name of the master, and who asks the sentinels. */
  readonly master: string;
  readonly sentinelUser: string | undefined;
  readonly sentinelPassword: string | undefined;
}

const [PORT, SENTINEL_PORT] = [6_379, 26_379];
const TLS = ["tlsCAFile", "tlsCertificateKeyFile", "tlsAllowInvalidCertificates"];
const SENTINEL = ["sentinel_username", "sentinel_password"];

/**
 * Takes the address apart: `redis://host/0`, `redis+cluster://host,host`, `redis+sentinel://host,host/master/0` as
 * redis-sentinel-url, Prefect and RedisVL write it; the same with `rediss` for TLS.
 * @throws `INVALID` when it is wrong; the error of the disk when a file of it cannot be read
 */
export async function redisTarget(address: Address): Promise<RedisTarget> {
  const { name, user, password, parameters, shown } = address;
  const isEncrypted = name.startsWith("rediss");
  const kind = name.endsWith("sentinel") ? "sentinel" : name.endsWith("cluster") ? "cluster" : "one";
  const known = ["prefix", "ttlSeconds", ...(isEncrypted ? TLS : []), ...(kind === "sentinel" ? SENTINEL : [])];
  refuseMisplaced(address, isEncrypted);
  parameters.refuseOthers(shown, known);
  if (user !== "" && password === "") {
    throw new VaultError("INVALID", `${shown} has one word before its host, and no password.`, {
      hint: `A password alone is written with a colon before it: \`${name}://:password@host\`.`,
    });
  }
  const several =
    "Several hosts are a Cluster, `redis+cluster://host,host`, or sentinels, `redis+sentinel://host,host/master`.";
  const hosts =
    kind === "one"
      ? ([hostOf(address, PORT, several)] as const)
      : hostsOf(address, kind === "sentinel" ? SENTINEL_PORT : PORT);
  return {
    kind,
    hosts,
    user: user || undefined,
    password: password || undefined,
    ...pathOf(address, kind),
    tls: isEncrypted ? await tlsOf(address) : undefined,
    sentinelUser: parameters.get("sentinel_username"),
    sentinelPassword: parameters.get("sentinel_password"),
  };
}

function refuseMisplaced({ name, parameters, shown }: Address, isEncrypted: boolean): void {
  const first = (names: string[]): string | undefined => names.find((one) => parameters.has(one));
  const tls = isEncrypted ? undefined : first([...TLS, "tls", "ssl"]);
  const who = first(["password", "username", "user", "auth"]);
  const hint =
    tls !== undefined
      ? `An encrypted connection has \`rediss\` in its address: \`${name.replace("redis", "rediss")}://…\`.`
      : who !== undefined
        ? `Write the password before the host: \`${name}://:password@host\`.`
        : first(["db", "database"]) !== undefined
          ? `Write the database behind the host: \`${name}://host/2\`.`
          : undefined;
  if (hint !== undefined)
    throw new VaultError("INVALID", `${shown} has a parameter in the place of something else.`, { hint });
}

/** Behind the hosts stands the number of the database, and before that the name of the master that sentinels know. */
function pathOf({ name, path, shown }: Address, kind: RedisTarget["kind"]): { master: string; database: number } {
  const parts = path
    .replace(/^\/|\/$/g, "")
    .split("/")
    .filter((part, at) => part !== "" || at > 0);
  const master = kind === "sentinel" ? decoded(parts.shift() ?? "", "name of the master", name) : "";
  if (kind === "sentinel" && master === "") {
    throw new VaultError("INVALID", `${shown} does not name the master that the sentinels know.`, {
      hint: `Write it behind the hosts: \`${name}://host:26379,host:26379/mymaster\`.`,
    });
  }
  const [written = "0", ...more] = parts;
  if (more.length > 0 || !/^\d{1,5}$/.test(written)) {
    throw wrongAddress(name, "has something else than the number of a database behind its host", "redis");
  }
  if (kind !== "cluster" || Number(written) === 0) return { master, database: Number(written) };
  throw new VaultError("INVALID", `${shown} names a database other than 0, and a Cluster has no other.`, {
    hint: "Use `prefix` to keep stores apart.",
  });
}

/** The files are named as those of MongoDB are. */
async function tlsOf({ parameters }: Address): Promise<ConnectionOptions> {
  const ca = await fileOf("tlsCAFile", parameters.get("tlsCAFile"));
  const own = await fileOf("tlsCertificateKeyFile", parameters.get("tlsCertificateKeyFile"));
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(own === undefined ? {} : { cert: own, key: own }),
    ...(parameters.boolean("tlsAllowInvalidCertificates") === true ? { rejectUnauthorized: false } : {}),
  };
}
