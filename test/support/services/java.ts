import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { aptInstall } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { exclusively } from "./lock.ts";
import { findInstalled } from "./path.ts";
import type { Program, Source } from "./programs.ts";

const run = promisify(execFile);
const COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/** A program of the JVM: the libraries that a `pom.xml` names, fetched by Maven. */
export interface JavaProgram extends Source {
  /** For `java -cp`: all of its libraries. */
  readonly classPath: string;
}

/**
 * Brings a Java program by Maven; its path is that of `java`.
 * @param wanted.version as in the pom.xml: the fetched files are kept under it
 * @param wanted.folder where the pom.xml lies
 */
export function javaProgram(wanted: { name: string; version: string; folder: string }): JavaProgram {
  const libraries = () => join(dirname(cacheDirectory()), `${wanted.name}-${wanted.version}`);
  return {
    get classPath() {
      return join(libraries(), "*");
    },
    cached: () => (existsSync(libraries()) ? findInstalled("java") : undefined),
    bring: async () => {
      const java = findInstalled("java") ?? (await aptInstall(["default-jdk-headless"], "java"));
      // One Maven at a time: all share one repository of fetched files.
      await exclusively("maven", () => fetchLibraries(wanted.name, join(wanted.folder, "pom.xml"), libraries()));
      return java;
    },
  };
}

/** Whether a program is the JVM, which runs a {@link JavaProgram}. */
export function isJava(program: Program): boolean {
  return program.command.endsWith("java");
}

async function fetchLibraries(name: string, pom: string, target: string): Promise<void> {
  if (existsSync(target)) return;
  const maven = findInstalled("mvn") ?? (await aptInstall(["maven"], "mvn"));
  // One folder, emptied first: whoever was killed here left a part of it.
  const build = `${target}-build`;
  rmSync(build, { recursive: true, force: true });
  mkdirSync(build, { recursive: true });
  try {
    copyFileSync(pom, join(build, "pom.xml"));
    console.error(`services: fetching ${name} (Maven, once)`);
    await copyDependencies(maven, build);
    renameSync(join(build, "lib"), target);
  } finally {
    rmSync(build, { recursive: true, force: true });
  }
}

/** Twice: Maven remembers that it did not get a file, and asks for it again only with `-U`. Torn files are refused. */
async function copyDependencies(maven: string, cwd: string): Promise<void> {
  const goal = ["-q", "-B", "-C", COPY_DEPENDENCIES, "-DoutputDirectory=lib"];
  try {
    await run(maven, goal, { cwd });
  } catch {
    rmSync(join(cwd, "lib"), { recursive: true, force: true });
    await run(maven, ["-U", ...goal], { cwd }).catch((error: { stdout?: string; message: string }) => {
      // Its first line has the reason; the next lines name documents and flags.
      const [reason = error.message] = (error.stdout ?? "").split("\n").filter((line) => line.includes("ERROR"));
      throw new Error(`mvn dependency:copy-dependencies: ${reason.replace("[ERROR] ", "")}`);
    });
  }
}
