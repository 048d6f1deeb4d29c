import { randomBytes } from "node:crypto";
import { CreateBucketCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { Service } from "./service.ts";

// A notice about Node versions to come; a process warning fails a test run.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

/** A client for an S3 server of ours; `settings` replace the defaults. */
export function s3Client(service: Pick<Service, "env">, settings: S3ClientConfig = {}): S3Client {
  const { S3_ENDPOINT = "", AWS_REGION = "", AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "" } = service.env;
  return new S3Client({
    endpoint: S3_ENDPOINT,
    region: AWS_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...settings,
  });
}

/** Makes a new bucket, and returns its name. */
export async function newBucket(client: S3Client, Bucket = `wa-vault-${unique()}`): Promise<string> {
  await client.send(new CreateBucketCommand({ Bucket }));
  return Bucket;
}

/** A name that is not used anywhere else. */
export function unique(): string {
  return randomBytes(6).toString("hex");
}
