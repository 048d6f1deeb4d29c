// `adapters/s3` keeps blobs in a bucket of S3. This file has the meaning of its errors. An adapter imports the contract
// of blobs, `lib/blobs`, `lib/vault/vault.ts`, `lib/async`, the errors and its own client library, and no other
// adapter; no folder of `lib` may import it.
import { lowerMaxBlobBytes } from "../../lib/blobs/size.ts";
import { safeCause, safeMessage, VaultError, type VaultErrorCode } from "../../lib/errors.ts";

/**
 * Whether the object does not exist. Only this code says so: a bare 404 may be a proxy, a wrong endpoint or a missing
 * bucket.
 */
export function isAbsence(error: unknown): boolean {
  return nameOf(error) === "NoSuchKey";
}

/**
 * Whether the server does not know what was asked for: Alibaba OSS answers 501, and in some regions 400, to `If-None-Match`
 * (github.com/tobi/walgit/issues/67, github.com/poco-ai/Agentero/issues/362).
 */
export function isNotImplemented(error: unknown): boolean {
  return nameOf(error) === "NotImplemented" || statusOf(error) === 501;
}

/** The code of an error of S3, or the name of any other error. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

const UNAVAILABLE = new Set([
  "ConditionalRequestConflict",
  "OperationAborted",
  "QuotaExceeded",
  "RequestTimeout",
  "SlowDown",
  "TemporaryRedirect",
  "Throttling",
  "ThrottlingException",
  "TooManyRequests",
  "XMinioAdminBucketQuotaExceeded",
]);
const TOO_LARGE = new Set([
  "EntityTooLarge",
  "MaxMessageLengthExceeded",
  "PayloadTooLarge",
  "RequestEntityTooLarge",
  "RequestTooLarge",
]);
const DENIED = new Set([
  "CredentialsProviderError",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "XAdminUserNotFound",
]);
/** The hint for an answer that is not S3's. */
export const NOT_S3 = "The answer did not come from an S3 server: check `endpoint`, and the proxy before the server.";
const RIGHTS = "The credentials need s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (docs/stores.md).";
const REGION = "The bucket is in another region: set `region` of the client.";
const FULL = "The store is full.";
const HINTS: Readonly<Record<string, string>> = {
  NoSuchBucket: "Create the bucket, or correct `bucket`: a store never creates one.",
  AccessDenied: RIGHTS,
  RequestTimeTooSkewed: "The clock of this host is wrong.",
  InvalidObjectState: "A lifecycle rule has moved it to an archive: restore it there, and remove the rule.",
  PermanentRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  TemporaryRedirect: "The bucket is new, or in another region: then set `region` of the client.",
  QuotaExceeded: FULL,
  XMinioAdminBucketQuotaExceeded: FULL,
  XMinioStorageFull: FULL,
};

/** An error of the SDK as a {@link VaultError}. @param what named in the message, e.g. "get" */
export function toVaultError(what: string, error: unknown): VaultError {
  const name = nameOf(error);
  const status = statusOf(error);
  const isWordless = status !== undefined && safeMessage(error) === WORDLESS;
  const why = isWordless ? `HTTP ${status} without an S3 error` : `${name} ${safeMessage(error)}`;
  const code = codeOf(error, name, status, isWordless);
  const hint = code === "TOO_LARGE" ? SMALLER : (HINTS[name] ?? hintOf(status, isWordless));
  return new VaultError(code, `S3 ${what} failed: ${why}`, {
    cause: safeCause(error),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A proxy before the server often has a limit of its own, such as `client_max_body_size` of nginx (1 MiB by default). */
const SMALLER = lowerMaxBlobBytes("the server, or a proxy before it,");

/** The message of the SDK for an answer without an S3 error in it. */
const WORDLESS = "UnknownError";

function hintOf(status: number | undefined, isWordless: boolean): string | undefined {
  if (status === 403) return RIGHTS;
  if (status === 301) return REGION;
  return isWordless ? NOT_S3 : undefined;
}

function codeOf(error: unknown, name: string, status: number | undefined, isWordless: boolean): VaultErrorCode {
  if (name === "PreconditionFailed" || status === 412) return "CONFLICT";
  if (TOO_LARGE.has(name) || status === 413) return "TOO_LARGE";
  if (UNAVAILABLE.has(name)) return "UNAVAILABLE";
  if (DENIED.has(name) || status === 401 || status === 403) return "DENIED";
  if (isNotImplemented(error)) return "INVALID";
  // Without a status, the request or its answer was lost.
  if (status === undefined || status === 408 || status === 409 || status === 429 || status >= 500) return "UNAVAILABLE";
  // A proxy answers so while the server behind it starts.
  if (status === 404 && isWordless) return "UNAVAILABLE";
  return status >= 300 ? "INVALID" : "UNAVAILABLE";
}

function statusOf(error: unknown): number | undefined {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata;
  return metadata?.httpStatusCode;
}
