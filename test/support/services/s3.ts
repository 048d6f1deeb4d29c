import { join } from "node:path";
import { goProgram } from "./go.ts";
import { obtain } from "./programs.ts";
import { launch, type OwnService, type Service } from "./service.ts";

const KEY = "wavault";
const SECRET = "wavault-secret";
const MINIO = {
  program: "minio",
  module: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
  go: 24,
};
const VERSITY = { program: "versitygw", module: "github.com/versity/versitygw/cmd/versitygw@v1.8.0", go: 25 };

/** An S3 server: the one in the environment, else MinIO. */
export async function startS3(): Promise<Service> {
  const { S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION } = process.env;
  if (!S3_ENDPOINT) return startMinio();
  const env = {
    S3_ENDPOINT,
    AWS_ACCESS_KEY_ID: AWS_ACCESS_KEY_ID ?? KEY,
    AWS_SECRET_ACCESS_KEY: AWS_SECRET_ACCESS_KEY ?? SECRET,
    AWS_REGION: AWS_REGION ?? "us-east-1",
  };
  return { name: "s3", env, way: "s3: S3_ENDPOINT", stop: async () => {} };
}

/** MinIO, one drive. @param options.root where its drive is, e.g. on a small disk. */
export async function startMinio(options: { root?: string } = {}): Promise<OwnService> {
  const program = await obtain({
    program: "minio",
    image: { image: "minio/minio" },
    source: goProgram(MINIO),
    hint: `Set S3_ENDPOINT and AWS_*, install minio, start Docker, or install Go 1.${MINIO.go}.`,
  });
  return launch({
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
    ...options,
  });
}

/** Versity's gateway over a directory: a second dialect of S3. */
export async function startVersity(): Promise<OwnService> {
  const program = await obtain({
    program: "versitygw",
    image: { image: "versity/versitygw:v1.8.0" },
    source: goProgram(VERSITY),
    hint: `Install versitygw, start Docker, or install Go 1.${VERSITY.go}.`,
  });
  return launch({
    name: "versitygw",
    program,
    args: ({ port, dir }) => ["--port", `127.0.0.1:${port}`, "--health", "/health", "--quiet", "posix", dir],
    env: { ROOT_ACCESS_KEY: KEY, ROOT_SECRET_KEY: SECRET },
    ready: async (port) => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
    address: s3Address,
  });
}

function s3Address(port: number): Record<string, string> {
  return {
    S3_ENDPOINT: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: "us-east-1",
  };
}
