import type { IncomingMessage, ServerResponse } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";
import type { Guesses } from "./guesses.ts";
import { Refusal } from "./http-answer.ts";
import type { LateAnswers } from "./late-answers.ts";
import type { Token } from "./token.ts";

/** How the server is reached, and who may use it. */
export interface Access {
  /** Whether it listens on an address that only this machine reaches. */
  readonly isLoopback: boolean;
  /** Names beside `localhost` and addresses that it is reached by, in lower case. */
  readonly names: ReadonlySet<string>;
  /** What a request must show. @default the server only shows, to whoever is on this machine */
  readonly token?: Token | undefined;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether only this machine reaches the address. */
export function isLoopback(address: string): boolean {
  // IPv4 addresses in IPv6, as `::ffff:127.0.0.1`, are found as well.
  return isIP(address) !== 0 && LOOPBACK.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

/**
 * Refuses a request to a name that this server does not have. A page elsewhere may let its own name lead to this machine (DNS
 * rebinding), and would then be read as one of this server. Addresses are no names.
 */
export function checkHost({ headers }: IncomingMessage, access: Access): void {
  const host = hostName(headers.host);
  if (host !== undefined && isKnown(host, access)) return;
  throw new Refusal(421, "INVALID", `This server does not know itself as ${shown(headers.host)}.`, {
    hint: `Start it with \`--allow-host ${host ?? "<name>"}\` if that is its name.`,
  });
}

/** Refuses a request of the API that a page of another origin has made. Programs send neither header. */
export function checkOrigin({ headers }: IncomingMessage): void {
  const { origin, host, "sec-fetch-site": site } = headers;
  const isForeignSite = site !== undefined && site !== "same-origin" && site !== "none";
  if (!isForeignSite && (origin === undefined || hostOf(origin) === host?.toLowerCase())) return;
  throw new Refusal(403, "DENIED", "The request comes from a page of another origin.", {
    hint: "Open the page of this server itself. A proxy before it must pass on the header Host.",
  });
}

/** Knows what was guessed, and is told what is. */
export interface Guessing {
  readonly guesses: Guesses;
  readonly late: Pick<LateAnswers, "wait" | "close">;
  /** Called with the address of whoever has shown a wrong token. */
  readonly onWrong: (address: string) => void;
}

/**
 * Refuses a request that does not show the token, where there is one: a wrong one late, the more so the more were shown from
 * its address. The right one is always let through at once, whatever others at its address do; what protects it is its length.
 */
export async function checkToken(
  { headers, socket }: IncomingMessage,
  response: ServerResponse,
  { token }: Access,
  { guesses, late, onWrong }: Guessing,
): Promise<void> {
  if (token === undefined) return;
  const { authorization } = headers;
  // It is no guess to show none: the page does so to find out whether there is one.
  if (authorization === undefined) throw notShown("This server wants a token.");
  if (token.isIn(authorization)) return;
  const address = socket.remoteAddress ?? "nowhere";
  onWrong(address);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  await late.wait(guesses.wrong(address), gone.signal);
  throw notShown("This is not the token of this server.");
}

function notShown(message: string): Refusal {
  return new Refusal(401, "DENIED", message, {
    hint: "Send the value of WA_VAULT_SERVE_TOKEN as `Authorization: Bearer <token>`.",
    headers: { "www-authenticate": 'Bearer realm="wa-vault"' },
  });
}

/** Refuses what a server without a token does for nobody. */
export function checkCanChange({ token }: Access): void {
  if (token !== undefined) return;
  throw new Refusal(403, "DENIED", "This server only shows: it was started without a token.", {
    hint: "Set WA_VAULT_SERVE_TOKEN and start it again.",
  });
}

function isKnown(host: string, { isLoopback: isLocal, names }: Access): boolean {
  if (host === "localhost" || names.has(host)) return true;
  return isIP(host) !== 0 && (!isLocal || isLoopback(host));
}

/** The name or address in a header `Host`, without brackets and port. */
function hostName(header: string | undefined): string | undefined {
  const [, bracketed, plain] = /^(?:\[([\da-f:.]+)\]|([^\s:/@[\]]+))(?::\d{1,5})?$/i.exec(header ?? "") ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

function shown(host: string | undefined): string {
  return host === undefined ? "nobody (no Host header)" : JSON.stringify(host.slice(0, 100));
}
