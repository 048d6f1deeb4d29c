import { createHash, createHmac } from "node:crypto";
import type { Service } from "./service.ts";

/** Credentials that last an hour. */
export interface TemporaryCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

/** Asks a server that speaks STS (MinIO does) for credentials that may do what `policy` allows and no more. */
export async function assumeRole({ env }: Service, policy: object): Promise<TemporaryCredentials> {
  const { S3_ENDPOINT = "", AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_REGION = "" } = env;
  const body = new URLSearchParams({
    Action: "AssumeRole",
    Version: "2011-06-15",
    DurationSeconds: "3600",
    Policy: JSON.stringify(policy),
  }).toString();
  const { host } = new URL(S3_ENDPOINT);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${AWS_REGION}/sts/aws4_request`;
  const headers = { "content-type": "application/x-www-form-urlencoded", host, "x-amz-date": time };
  const names = Object.keys(headers).join(";");
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = ["POST", "/", "", lines.join(""), names, sha256(body)].join("\n");
  const key = scope
    .split("/")
    .reduce<Buffer | string>((last, part) => hmac(last, part), `AWS4${AWS_SECRET_ACCESS_KEY}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", time, scope, sha256(request)].join("\n")).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const response = await fetch(S3_ENDPOINT, { method: "POST", headers: { ...headers, authorization }, body });
  const text = await response.text();
  const value = (name: string): string => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1] ?? "";
  if (!response.ok) throw new Error(`AssumeRole: ${response.status} ${value("Message")}`);
  return {
    accessKeyId: value("AccessKeyId"),
    secretAccessKey: value("SecretAccessKey"),
    sessionToken: value("SessionToken"),
  };
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
