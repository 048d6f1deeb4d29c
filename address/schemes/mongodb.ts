import type { MongoClient } from "mongodb";
import { withSignal } from "../../lib/async/deadline.ts";
import { VaultError } from "../../lib/errors.ts";
import { hostOf, hostsOf } from "../hosts.ts";
import { loadLibrary } from "../load-library.ts";
import { decoded } from "../parameters.ts";
import { type Address, secretsOf } from "../parse-address.ts";
import type { OpenedBlobs, SchemeOptions } from "../scheme.ts";
import { wrongAddress } from "../wrong-address.ts";

const DEFAULT_PORT = 27_017;
/** A server that is away is told in seconds: the store asks again by itself. The driver's own time is 30 s. */
const SELECT_WITHIN_MS = 5_000;

/**
 * The options of a connection string that every driver has
 * (github.com/mongodb/specifications, uri-options), and ours first.
 */
const KNOWN = [
  "collection",
  ..."authSource replicaSet tls tlsCAFile tlsCertificateKeyFile tlsCertificateKeyFilePassword".split(" "),
  ..."tlsAllowInvalidCertificates tlsAllowInvalidHostnames tlsInsecure ssl w journal wTimeoutMS".split(" "),
  ..."retryWrites retryReads readPreference readPreferenceTags readConcernLevel maxStalenessSeconds appName".split(" "),
  ..."authMechanism authMechanismProperties compressors zlibCompressionLevel directConnection loadBalanced".split(" "),
  ..."connectTimeoutMS serverSelectionTimeoutMS socketTimeoutMS heartbeatFrequencyMS localThresholdMS".split(" "),
  ..."maxPoolSize minPoolSize maxIdleTimeMS maxConnecting waitQueueTimeoutMS timeoutMS".split(" "),
  ..."serverMonitoringMode srvMaxHosts srvServiceName".split(" "),
];

/** `mongodb://…/database` or `mongodb+srv://…/database`, with `collection`; the other parameters are the driver's. */
export async function openMongo(address: Address, options: SchemeOptions): Promise<OpenedBlobs> {
  const collection = address.parameters.get("collection");
  const client = await mongoClient(address);
  const { MongoBlobs, toVaultError } = await import("../../adapters/mongo.ts");
  let isConnected = false;
  return {
    blobs: new MongoBlobs({ ...options, db: client.db(), collection }),
    // A call that finds no server as the first one leaves a client that finds none any more: only `connect` begins anew.
    connected: async (signal) => {
      if (isConnected) return;
      try {
        await withSignal(client.connect(), signal);
        isConnected = true;
      } catch (error) {
        throw signal.aborted ? signal.reason : toVaultError("connect", error);
      }
    },
    close: () => client.close(),
  };
}

/** A client for the servers that an address of MongoDB names. @throws `INVALID` */
export async function mongoClient(address: Address): Promise<MongoClient> {
  address.parameters.refuseOthers(address.shown, KNOWN, ["readPreferenceTags"]);
  const uri = connectionString(address);
  const MongoClient = await loadLibrary("A store in MongoDB", [
    { name: "mongodb", least: "6.0.0", load: async () => (await import("mongodb")).MongoClient },
    // It has the driver, of a version of its own.
    {
      name: "mongoose",
      least: "8.0.0",
      load: async () => (await import("mongoose")).default.mongo.MongoClient as never,
    },
  ]);
  const wait = address.parameters.has("serverSelectionTimeoutMS") ? {} : { serverSelectionTimeoutMS: SELECT_WITHIN_MS };
  return made(address, () => new MongoClient(uri, wait));
}

/** The address for the driver, which refuses a user or a password that is not encoded as it likes. */
function connectionString(address: Address): string {
  const { name, user, password, host, path, parameters, shown } = address;
  if (name === "mongodb+srv") {
    const only = hostOf(address, DEFAULT_PORT, "With `mongodb+srv` the name of the cluster stands alone.");
    if (/:\d*$/.test(host)) {
      throw new VaultError("INVALID", `${shown} has a port.`, {
        hint: `With \`mongodb+srv\` the servers and their ports are looked up: write \`${only.host}\` alone.`,
      });
    }
    // A name without two dots cannot have such a record; the driver says so in words of its own.
  } else if (!/^%2f/i.test(host)) hostsOf(address, DEFAULT_PORT);
  const [, database = "", more] = /^\/?([^/]*)(?:\/(.*))?$/s.exec(path) ?? [];
  if (database === "" || more) {
    const where = more ? "has more than one name behind its host" : "names no database";
    throw wrongAddress(name, where, "mongodb");
  }
  if (/[\s"$.\\]/.test(decoded(database, "database", name))) {
    throw new VaultError(
      "INVALID",
      `The address of the store (\`${name}:\`) names a database with a blank, or one of \`. $ " \\\`.`,
    );
  }
  if (user === "" && password !== "") throw wrongAddress(name, "has a password, and no user", "mongodb");
  const who =
    user === "" ? "" : `${encodeURIComponent(user)}${password === "" ? "" : `:${encodeURIComponent(password)}`}@`;
  const others = parameters.without(["collection"]);
  return `${name}://${who}${host}/${database}${others === "" ? "" : `?${others}`}`;
}

/** What the driver refuses, without what it says of the address: that may have the password in it. */
function made<T>(address: Address, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const isSafe = !secretsOf(address).some((secret) => said.includes(secret));
    throw new VaultError("INVALID", `${address.shown} was refused by the library${isSafe ? `: ${said}` : ""}.`, {
      hint: "docs/stores.md lists the parameters.",
    });
  }
}
