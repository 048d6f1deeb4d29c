// The meaning of the errors of Redis, of what speaks its protocol, and of the clients. Only `wire.ts` imports it.
import { lowerMaxBlobBytes } from "../../lib/blobs/size.ts";
import { safeMessage, VaultError, type VaultErrorCode } from "../../lib/errors.ts";

/** The message of an error; for an aborted transaction that of the first failed reply, which has the reason. */
export function messageOf(error: unknown): string {
  const {
    message = String(error),
    previousErrors,
    replies,
  } = error as {
    message?: string;
    previousErrors?: Error[];
    replies?: unknown[];
  };
  const first = previousErrors?.[0] ?? replies?.find((reply) => reply instanceof Error);
  return safeMessage(first instanceof Error ? first : message);
}

/** By the word that a refusal begins with; an error that is no refusal is an outage. */
export function codeOf(error: unknown): VaultErrorCode {
  const message = messageOf(error);
  if (/^(NOAUTH|WRONGPASS|NOPERM)\b/.test(message)) return "DENIED";
  if (TOO_LARGE.some((words) => words.test(message)) && !/^(OOM|MISCONF)\b/.test(message)) return "TOO_LARGE";
  if (/^(WRONGTYPE|CROSSSLOT|ERR unknown command)\b/.test(message)) return "INVALID";
  // The reply to the SELECT of a database that the server does not have.
  if (/^ERR (DB index is out of range|invalid DB index)/i.test(message)) return "INVALID";
  return "UNAVAILABLE";
}

/** What is too large: a value, or what carries it. Not what waits, is counted, or lasts: a rate, a queue, a time. */
const VALUE = String.raw`\b(request|record|entry|value|payload|message|string|bulk|argument|command)\b`;
const NO_SIZE = String.raw`(?!\b(rates?|queues?|backlog|numbers?|counts?|latency|delay|time\w*|took|takes|lag|concurren\w*|quota)\b)`;
const within = (most: number): string => `(?:${NO_SIZE}.){0,${most}}`;

/**
 * What servers and proxies say of a value that is too large: Redis and what is made of it (`proto-max-bulk-len`), and Upstash
 * of a request and of a record (upstash.com/docs/redis/troubleshooting). A quota that is used up ("max daily request limit
 * exceeded"), a rate that is too large, and what took too long are none of it.
 */
const TOO_LARGE = [
  /invalid (multi)?bulk (length|count)/i,
  /\btoo big (inline request|m?bulk count)/i,
  /\bmax(imum)?\b.{0,20}\b(request|record|entry|value|payload|message) (size|length)\b.{0,12}\bexceed/i,
  new RegExp(`${VALUE}${within(30)}\\bexceeds?\\b.{0,12}\\bmax(imum)?\\b${within(20)}\\b(size|length)\\b`, "i"),
  new RegExp(`${VALUE}${within(30)}\\btoo (large|big)\\b`, "i"),
  /\b(string|bulk|argument|value|payload)( length)?( is| was)? too long\b/i,
];

/** A client's error as a {@link VaultError}. @param what named in the message, e.g. "get" */
export function toVaultError(what: string, error: unknown): VaultError {
  const message = messageOf(error);
  // A client's error holds the command, and with it the value: only the message is kept.
  const cause = new Error(message);
  const code = codeOf(error);
  const hint = hintOf(message, code);
  return new VaultError(code, `Redis ${what} failed: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

function hintOf(message: string, code: VaultErrorCode): string | undefined {
  if (/^(OOM|MISCONF)/.test(message)) return "The server is out of memory or disk.";
  return code === "TOO_LARGE" ? lowerMaxBlobBytes("the server, or a proxy before it,") : undefined;
}
