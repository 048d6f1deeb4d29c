import type { S3Client } from "@aws-sdk/client-s3";
import { VaultError } from "../../lib/errors.ts";
import { loadLibrary } from "../load-library.ts";
import { decoded } from "../parameters.ts";
import type { Address } from "../parse-address.ts";
import type { OpenedBlobs, SchemeOptions } from "../scheme.ts";

const CONNECT_WITHIN_MS = 10_000;

/**
 * `s3://bucket/folder`, with `region`, `endpoint` and `forcePathStyle` as the S3Client has them. Credentials are looked up by
 * the SDK: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, `~/.aws`, the role of the machine.
 */
export async function openS3(address: Address, options: SchemeOptions): Promise<OpenedBlobs> {
  const { client, bucket, prefix } = await openBucket(address);
  const { S3Blobs } = await import("../../adapters/s3/index.ts");
  return { blobs: new S3Blobs({ ...options, client, bucket, prefix }), close: async () => client.destroy() };
}

/** A folder of a bucket, and a client for it. */
export interface OpenedBucket {
  readonly client: S3Client;
  readonly bucket: string;
  /** The folder with `/` at its end; "" for all of the bucket. */
  readonly prefix: string;
}

/** Opens what an address of S3 names. @throws `INVALID` */
export async function openBucket(address: Address): Promise<OpenedBucket> {
  const { shown, parameters, user, host: bucket } = address;
  if (user !== "" || parameters.hasSecret) {
    throw new VaultError("INVALID", "The address of a bucket has no user, password or keys in it.", {
      hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile of `~/.aws`.",
    });
  }
  parameters.refuseOthers(shown, ["region", "endpoint", "forcePathStyle"]);
  refuseBucket(bucket);
  const prefix = prefixOf(address);
  const settings = settingsOf(address);
  const { S3Client } = await loadLibrary("A store in S3", [
    {
      name: "@aws-sdk/client-s3",
      least: "3.635.0",
      load: async () => await import("@aws-sdk/client-s3"),
    },
  ]);
  const client = new S3Client({ ...settings, requestHandler: { connectionTimeout: CONNECT_WITHIN_MS } });
  // From the environment and `~/.aws/config`; no request is made.
  await client.config.region().catch(() => {
    throw new VaultError("INVALID", `${shown} has no region, and none is set on this machine.`, {
      hint: "Write `?region=eu-central-1` with the region of the bucket, or set AWS_REGION.",
    });
  });
  return { client, bucket, prefix };
}

/** @throws `INVALID` for what cannot be a bucket, or is a host */
function refuseBucket(bucket: string): void {
  const hint =
    "The bucket stands alone behind `s3://`, and the server is a parameter: `s3://bucket/folder?endpoint=https://host:9000`.";
  if (/[:,]/.test(bucket) || /(?:^|\.)amazonaws\.com(?:\.cn)?$/i.test(bucket)) {
    throw new VaultError(
      "INVALID",
      `The address of the store (\`s3:\`) has a host in the place of the bucket: ${bucket}.`,
      { hint },
    );
  }
  // Old buckets, and those of other servers, may have what AWS refuses today.
  if (/^[a-z0-9][a-z0-9._-]{1,254}$/i.test(bucket) && !/\.\.|\.$/.test(bucket)) return;
  throw new VaultError("INVALID", `The address of the store (\`s3:\`) names a bucket that cannot be one: ${bucket}.`, {
    hint: "The name of a bucket has at least three small letters, digits, `-` and `.`.",
  });
}

function prefixOf({ path, name }: Address): string {
  const folder = decoded(path, "folder", name).replace(/^\/+|\/+$/g, "");
  if (folder.split("/").some((part) => part === "." || part === "..")) {
    throw new VaultError(
      "INVALID",
      "The address of the store (`s3:`) has a folder with `.` or `..`: a bucket has none.",
    );
  }
  return folder === "" ? "" : `${folder}/`;
}

/** What servers other than AWS want: the bucket in the path, and no checksums of AWS's own (docs/stores.md). */
function settingsOf({ parameters }: Address): object {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  const region = parameters.get("region");
  const endpoint = parameters.get("endpoint") ?? (AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL);
  const style = parameters.boolean("forcePathStyle") ?? (endpoint !== undefined && endpoint !== "");
  const own = { forcePathStyle: style, ...(region === undefined ? {} : { region }) };
  if (!endpoint) return own;
  if (!/^https?:\/\//i.test(endpoint) || !URL.canParse(endpoint)) {
    throw new VaultError(
      "INVALID",
      "Expected `endpoint` of the address to be a URL that begins with `https://` or `http://`.",
      {
        hint: "Write the server with its port, as `endpoint=http://127.0.0.1:9000`.",
      },
    );
  }
  return {
    ...own,
    endpoint,
    // Servers that have no regions take any.
    ...((region ?? AWS_REGION ?? AWS_DEFAULT_REGION) ? {} : { region: "us-east-1" }),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
}
