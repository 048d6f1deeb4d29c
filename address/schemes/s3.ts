import { VaultError } from "../../lib/errors.ts";
import { loadLibrary } from "../load-library.ts";
import { type Address, refuseParameters } from "../parse-address.ts";
import type { OpenedStore, SchemeOptions } from "../scheme.ts";

/**
 * `s3://bucket/folder`, with `region`, `endpoint` and `forcePathStyle` as the S3Client has them. Credentials are looked up by
 * the SDK: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, `~/.aws`, the role of the machine.
 */
export async function openS3(address: Address, options: SchemeOptions): Promise<OpenedStore> {
  refuseParameters(address, ["region", "endpoint", "forcePathStyle"]);
  if (address.user !== "") {
    throw new VaultError("INVALID", "The address of a bucket has no user or password.", {
      hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile of `~/.aws`.",
    });
  }
  const { S3Client, S3Store } = await loadLibrary("A store in S3", [
    {
      name: "@aws-sdk/client-s3",
      load: async () => ({ ...(await import("@aws-sdk/client-s3")), ...(await import("../../adapters/s3/index.ts")) }),
    },
  ]);
  const region = address.parameters.get("region");
  const endpoint = address.parameters.get("endpoint");
  const client = new S3Client({ ...(region === null ? {} : { region }), ...elsewhere(address, endpoint, region) });
  const folder = decodeURIComponent(address.path).replace(/^\/+|\/+$/g, "");
  const prefix = folder === "" ? "" : `${folder}/`;
  const store = new S3Store({ ...options, client, bucket: address.host, prefix });
  return { store, close: async () => client.destroy() };
}

/** What servers other than AWS want: the bucket in the path, and no checksums of AWS's own (docs/stores.md). */
function elsewhere({ parameters }: Address, endpoint: string | null, region: string | null): object {
  const forcePathStyle = parameters.get("forcePathStyle") ?? (endpoint === null ? "false" : "true");
  if (!["true", "false"].includes(forcePathStyle)) {
    throw new VaultError("INVALID", "Expected `forcePathStyle` of the address to be true or false.");
  }
  const style = { forcePathStyle: forcePathStyle === "true" };
  if (endpoint === null) return style;
  if (!URL.canParse(endpoint) || !/^https?:/i.test(endpoint)) {
    throw new VaultError(
      "INVALID",
      "Expected `endpoint` of the address to be a URL that begins with `https://` or `http://`.",
    );
  }
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  return {
    ...style,
    endpoint,
    ...((region ?? AWS_REGION ?? AWS_DEFAULT_REGION) ? {} : { region: "us-east-1" }),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
}
