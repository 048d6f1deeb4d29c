import type { IncomingMessage, ServerResponse } from "node:http";
import { isVaultError, type VaultErrorCode } from "../../lib/errors.ts";
import type { ErrorJson } from "../error-json.ts";

/** A request that is refused, with the words for whoever sent it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    { hint, headers = {} }: { hint?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.headers = headers;
  }
}

/** The status of an answer about an error of the store. */
const STATUS: Readonly<Record<VaultErrorCode, number>> = {
  INVALID: 400,
  ABSENT: 404,
  CONFLICT: 409,
  LEASE_HELD: 409,
  LEASE_LOST: 409,
  TOO_LARGE: 413,
  CORRUPT: 500,
  WRONG_KEY: 500,
  DENIED: 502,
  UNAVAILABLE: 503,
  CANCELLED: 503,
};

/** Answers with JSON. What is known of sessions is kept by no cache. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": body.length,
    "cache-control": "no-store",
  });
  response.end(body);
}

/** Answers with an error, unless the answer has begun. @param view what viewers are told of it */
export function sendError(request: IncomingMessage, response: ServerResponse, error: unknown, view: ErrorJson): void {
  if (response.headersSent) return void response.destroy();
  const status = error instanceof Refusal ? error.status : isVaultError(error) ? (STATUS[error.code] ?? 500) : 500;
  // The rest of a body that nobody reads must not be taken for the next request.
  const headers: Record<string, string> = request.complete ? {} : { connection: "close" };
  sendJson(response, status, { error: view }, error instanceof Refusal ? { ...headers, ...error.headers } : headers);
}
