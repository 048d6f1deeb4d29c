import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { aptInstall } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { exclusively } from "./lock.ts";
import { findInstalled } from "./path.ts";
import { obtain } from "./programs.ts";
import { launch, type OwnService, type Service } from "./service.ts";

const run = promisify(execFile);
const SOURCES = join(dirname(fileURLToPath(import.meta.url)), "mongo");
/** As in pom.xml. */
const VERSION = "1.47.0";
const COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const SERVER = join(SOURCES, "Serve.java");

/** A MongoDB: the one in the environment, else `mongod`, else a Java server that speaks its protocol. */
export async function startMongo(): Promise<Service> {
  const { MONGODB_URI } = process.env;
  if (!MONGODB_URI) return startOwnMongo();
  return { name: "mongo", env: { MONGODB_URI }, way: "mongo: MONGODB_URI", stop: async () => {} };
}

/** A MongoDB whose process is ours. */
export async function startOwnMongo(): Promise<OwnService> {
  const program = await obtain({
    program: "mongod",
    image: { image: "mongo:7", entrypoint: "mongod" },
    source: {
      cached: () => (existsSync(standInDirectory()) ? findInstalled("java") : undefined),
      bring: fetchStandIn,
    },
    hint: "Set MONGODB_URI, install mongod, start Docker, or install Java and Maven.",
  });
  const standIn = program.command.endsWith("java");
  return launch({
    name: "mongo",
    program: standIn ? { ...program, way: "mongo: mongo-java-server (speaks the protocol, is not MongoDB)" } : program,
    args: standIn ? standInArguments : mongodArguments,
    address: (port) => ({ MONGODB_URI: `mongodb://127.0.0.1:${port}/wa_vault` }),
  });
}

function mongodArguments({ port, dir }: { port: number; dir: string }): string[] {
  return ["--port", String(port), "--bind_ip", "127.0.0.1", "--dbpath", dir];
}

function standInArguments({ port, dir }: { port: number; dir: string }): string[] {
  return ["-Xmx1g", "-cp", join(standInDirectory(), "*"), SERVER, String(port), join(dir, "data.mv")];
}

function standInDirectory(): string {
  return join(dirname(cacheDirectory()), `mongo-java-server-${VERSION}`);
}

/** Brings the stand-in's libraries by Maven and answers the path of `java`, which runs it from its one source file. */
async function fetchStandIn(): Promise<string> {
  const java = findInstalled("java") ?? (await aptInstall(["default-jdk-headless"], "java"));
  await exclusively("mongo-java-server", async () => {
    const target = standInDirectory();
    if (existsSync(target)) return;
    const maven = findInstalled("mvn") ?? (await aptInstall(["maven"], "mvn"));
    // One folder, emptied first: whoever was killed here left a part of it.
    const build = `${target}-build`;
    rmSync(build, { recursive: true, force: true });
    mkdirSync(build, { recursive: true });
    try {
      copyFileSync(join(SOURCES, "pom.xml"), join(build, "pom.xml"));
      console.error("services: fetching mongo-java-server (Maven, once)");
      await copyDependencies(maven, build);
      renameSync(join(build, "lib"), target);
    } finally {
      rmSync(build, { recursive: true, force: true });
    }
  });
  return java;
}

/** Twice: Maven remembers that it did not get a file, and asks for it again only with `-U`. Torn files are refused. */
async function copyDependencies(maven: string, cwd: string): Promise<void> {
  const goal = ["-q", "-B", "-C", COPY_DEPENDENCIES, "-DoutputDirectory=lib"];
  try {
    await run(maven, goal, { cwd });
  } catch {
    rmSync(join(cwd, "lib"), { recursive: true, force: true });
    await run(maven, ["-U", ...goal], { cwd }).catch((error: { stdout?: string; message: string }) => {
      // Its first line has the reason; what to read on and which flags there are follows.
      const [reason = error.message] = (error.stdout ?? "").split("\n").filter((line) => line.includes("ERROR"));
      throw new Error(`mvn dependency:copy-dependencies: ${reason.replace("[ERROR] ", "")}`);
    });
  }
}

/** Only for reports: whether the server is the Java one. */
export function isStandIn(service: Service): boolean {
  return service.way.includes("mongo-java-server");
}
