import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { goProgram } from "./go.ts";
import { isJava, javaProgram } from "./java.ts";
import { obtain, type Program } from "./programs.ts";
import { type LaunchPlan, launch, type OwnService, type Place, type Service } from "./service.ts";

const KEY = "wavault";
const SECRET = "wavault-secret";
const MINIO_IMAGE = { image: "minio/minio" };
const MINIO = {
  program: "minio",
  module: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
  go: 24,
};
const VERSITY = { program: "versitygw", module: "github.com/versity/versitygw/cmd/versitygw@v1.8.0", go: 25 };
const SOURCES = fileURLToPath(new URL("s3proxy", import.meta.url));
const S3PROXY = javaProgram({ name: "s3proxy", version: "4.0.0", folder: SOURCES });

/** An S3 server: the one in the environment, else MinIO where it is installed or in a container, else S3Proxy. */
export async function startS3(): Promise<Service> {
  const { S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION } = process.env;
  if (!S3_ENDPOINT) return startOwnS3();
  const env = {
    S3_ENDPOINT,
    AWS_ACCESS_KEY_ID: AWS_ACCESS_KEY_ID ?? KEY,
    AWS_SECRET_ACCESS_KEY: AWS_SECRET_ACCESS_KEY ?? SECRET,
    AWS_REGION: AWS_REGION ?? "us-east-1",
  };
  return { name: "s3", env, way: "s3: S3_ENDPOINT", stop: async () => {} };
}

/** MinIO where it is installed or in a container, else S3Proxy, which is fetched in seconds. @throws ServiceMissing */
export async function obtainS3(): Promise<Program> {
  const program = await obtain({
    program: "minio",
    image: MINIO_IMAGE,
    source: S3PROXY,
    hint: "Set S3_ENDPOINT and AWS_*, install minio, start Docker, or install Java and Maven.",
  });
  return isJava(program) ? { ...program, way: "s3: S3Proxy, on a directory" } : program;
}

/** An S3 server whose process is ours. @param options.root where its data is, e.g. on a small disk. */
export async function startOwnS3(options: { root?: string } = {}): Promise<OwnService> {
  const program = await obtainS3();
  return launch({ ...(isJava(program) ? s3proxyPlan(program) : minioPlan(program)), ...options });
}

/** MinIO, which is built where it is not installed: a minute or two. @throws ServiceMissing */
export function obtainMinio(): Promise<Program> {
  return obtain({
    program: "minio",
    image: MINIO_IMAGE,
    source: goProgram(MINIO),
    hint: `Install minio, start Docker, or install Go 1.${MINIO.go}.`,
  });
}

/** MinIO, one drive. @param options.root where its drive is, e.g. on a small disk. */
export async function startMinio(options: { root?: string } = {}): Promise<OwnService> {
  return launch({ ...minioPlan(await obtainMinio()), ...options });
}

/** Versity's gateway, which is built where it is not installed: a minute or two. @throws ServiceMissing */
export function obtainVersity(): Promise<Program> {
  return obtain({
    program: "versitygw",
    image: { image: "versity/versitygw:v1.8.0" },
    source: goProgram(VERSITY),
    hint: `Install versitygw, start Docker, or install Go 1.${VERSITY.go}.`,
  });
}

/** Versity's gateway over a directory: another dialect of S3. */
export async function startVersity(): Promise<OwnService> {
  return launch({
    name: "versitygw",
    program: await obtainVersity(),
    args: ({ port, dir }) => ["--port", `127.0.0.1:${port}`, "--health", "/health", "--quiet", "posix", dir],
    env: { ROOT_ACCESS_KEY: KEY, ROOT_SECRET_KEY: SECRET },
    ready: async (port) => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
    address: s3Address,
  });
}

function minioPlan(program: Program): LaunchPlan {
  return {
    name: "minio",
    program,
    args: ({ port, dir }) => [
      "server",
      "--quiet",
      "--address",
      `127.0.0.1:${port}`,
      "--console-address",
      "127.0.0.1:0",
      join(dir, "drive"),
    ],
    env: { MINIO_ROOT_USER: KEY, MINIO_ROOT_PASSWORD: SECRET, MINIO_BROWSER: "off", MINIO_UPDATE: "off" },
    ready: async (port) => (await fetch(`http://127.0.0.1:${port}/minio/health/ready`)).ok,
    address: s3Address,
  };
}

function s3proxyPlan(program: Program): LaunchPlan {
  const log = `-Dlogback.configurationFile=${join(SOURCES, "logback.xml")}`;
  const properties = (dir: string): string => join(dir, "s3proxy.properties");
  return {
    name: "s3proxy",
    program,
    prepare: (at) => {
      mkdirSync(join(at.dir, "data"));
      writeFileSync(properties(at.dir), s3proxyProperties(at));
    },
    args: ({ dir }) => [
      ...[log, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"],
      ...["-cp", S3PROXY.classPath, "org.gaul.s3proxy.Main", "--properties", properties(dir)],
    ],
    ready: async (port) => (await fetch(`http://127.0.0.1:${port}/`)).status === 403,
    address: s3Address,
  };
}

/** See the README of S3Proxy. Its `filesystem` creates a key for one of many that want to (`If-None-Match: *`). */
function s3proxyProperties({ port, dir }: Place): string {
  const settings = {
    "s3proxy.endpoint": `http://127.0.0.1:${port}`,
    "s3proxy.authorization": "aws-v2-or-v4",
    "s3proxy.identity": KEY,
    "s3proxy.credential": SECRET,
    "jclouds.provider": "filesystem",
    "jclouds.filesystem.basedir": join(dir, "data"),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

function s3Address(port: number): Record<string, string> {
  return {
    S3_ENDPOINT: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: "us-east-1",
  };
}
