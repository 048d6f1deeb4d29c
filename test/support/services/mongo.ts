import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isJava, javaProgram } from "./java.ts";
import { obtain, type Program } from "./programs.ts";
import { launch, type OwnService, type Place, type Service } from "./service.ts";

const SOURCES = fileURLToPath(new URL("mongo", import.meta.url));
/** Run from its one source file. */
const SERVER = join(SOURCES, "Serve.java");
const STAND_IN = javaProgram({ name: "mongo-java-server", version: "1.47.0", folder: SOURCES });

/** A MongoDB: the one in the environment, else `mongod`, else a Java server that speaks its protocol. */
export async function startMongo(): Promise<Service> {
  const { MONGODB_URI } = process.env;
  if (!MONGODB_URI) return startOwnMongo();
  return { name: "mongo", env: { MONGODB_URI }, way: "mongo: MONGODB_URI", stop: async () => {} };
}

/** `mongod`, or what stands in for it. @throws ServiceMissing */
export async function obtainMongo(): Promise<Program> {
  const program = await obtain({
    program: "mongod",
    image: { image: "mongo:7", entrypoint: "mongod" },
    source: STAND_IN,
    hint: "Set MONGODB_URI, install mongod, start Docker, or install Java and Maven.",
  });
  if (!isJava(program)) return program;
  return { ...program, way: "mongo: mongo-java-server (speaks the protocol, is not MongoDB)" };
}

/** A MongoDB whose process is ours. */
export async function startOwnMongo(): Promise<OwnService> {
  const program = await obtainMongo();
  return launch({
    name: "mongo",
    program,
    args: isJava(program) ? standInArguments : mongodArguments,
    address: (port) => ({ MONGODB_URI: `mongodb://127.0.0.1:${port}/wa_vault` }),
  });
}

function mongodArguments({ port, dir }: Place): string[] {
  return ["--port", String(port), "--bind_ip", "127.0.0.1", "--dbpath", dir];
}

function standInArguments({ port, dir }: Place): string[] {
  return ["-Xmx1g", "-cp", STAND_IN.classPath, SERVER, String(port), join(dir, "data.mv")];
}

/** Only for reports: whether the server is the Java one. */
export function isStandIn(service: Service): boolean {
  return service.way.includes("mongo-java-server");
}
