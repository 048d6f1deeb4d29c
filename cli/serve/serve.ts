import { hostname } from "node:os";
import { fromEnvironment } from "../../address/environment.ts";
import { withoutSecretParameters } from "../../address/parameters.ts";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { isVaultError, safeMessage, VaultError } from "../../lib/errors.ts";
import type { Cli, CommonOptions } from "../cli.ts";
import { isLoopback } from "./guard.ts";
import { addressOf, DEFAULT_PORT, listen, urlOf } from "./listen.ts";
import { StatusServer } from "./status-server.ts";
import { Token } from "./token.ts";
import { WrongTokenWarnings } from "./wrong-token-warnings.ts";

/** The options of `wa-vault serve`, as they are typed. */
export interface ServeOptions extends CommonOptions {
  readonly host: string;
  readonly port?: string;
  /** In milliseconds. */
  readonly every: number;
  /** In milliseconds. */
  readonly olderThan: number | "never";
  readonly allowHost?: readonly string[];
}

/** How long the page waits for a store that is away before it is served anyway, in milliseconds. */
const FIRST_LOOK_MS = 10_000;

/** Serves the status page until the person ends the command. */
export async function serve(cli: Cli, options: ServeOptions): Promise<void> {
  const { every: everyMs } = options;
  const olderThanMs = options.olderThan === "never" ? undefined : options.olderThan;
  const port = portOf(options.port);
  const names = new Set((options.allowHost ?? []).map(nameOf));
  const text = await fromEnvironment(cli.env, "WA_VAULT_SERVE_TOKEN");
  const token = text === undefined ? undefined : new Token(text.trim());
  const address = await addressOf(options.host);
  const isLocal = isLoopback(address);
  if (!isLocal && token === undefined) {
    throw new VaultError("INVALID", `Whoever reaches ${options.host} would see the sessions: there is no token.`, {
      hint: "Set WA_VAULT_SERVE_TOKEN (`openssl rand -hex 24` makes one), or leave `--host` out: then only this machine is served.",
    });
  }
  const store = await cli.store(options);
  const wrongTokens = new WrongTokenWarnings((message) => cli.warn(message));
  const served = await StatusServer.create({
    store,
    access: { isLoopback: isLocal, names, token },
    everyMs,
    olderThanMs,
    onFault: (id, fault) => cli.warn(`Fault ${id}: ${faultText(fault)}`),
    onWrongToken: (address) => wrongTokens.wrong(address),
  });
  try {
    await firstLook(cli, store);
    if (cli.signal.aborted) return;
    const taken = await listen(served.server, address, port);
    const url = urlOf(address, taken);
    if (options.json)
      cli.json({ store: store.address, url, host: address, port: taken, canChange: token !== undefined });
    else cli.out.line(url);
    tell(cli, { store: store.address, address, isLocal, hasToken: token !== undefined, port, taken });
    await ended(cli.signal);
  } finally {
    await served.close();
    wrongTokens.close();
  }
}

/** With where it was made: only a person can tell what it is. */
function faultText(fault: unknown): string {
  const text = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault);
  return withoutSecretParameters(safeMessage(text));
}

/**
 * A store that cannot be read because of what the person has typed ends the command at once; one that is away comes back.
 * @throws the store's error
 */
async function firstLook(cli: Cli, store: AddressedStore): Promise<void> {
  const late = AbortSignal.timeout(FIRST_LOOK_MS);
  try {
    for await (const _ of store.sessions({ signal: AbortSignal.any([cli.signal, late]) })) break;
  } catch (error) {
    if (cli.signal.aborted) return;
    if (isVaultError(error) && error.code !== "UNAVAILABLE") throw error;
    const why = late.aborted ? `nothing was heard for ${FIRST_LOOK_MS / 1_000} s` : safeMessage(error);
    cli.warn(`The store does not answer yet, and is asked again once somebody looks: ${why}`);
  }
}

function tell(
  cli: Cli,
  of: { store: string; address: string; isLocal: boolean; hasToken: boolean; port: number | undefined; taken: number },
): void {
  const { isLocal, hasToken, port, taken } = of;
  if (port === undefined && taken !== DEFAULT_PORT) {
    cli.warn(`Port ${DEFAULT_PORT} is in use: the page is at port ${taken} this time. Choose one with \`--port\`.`);
  }
  cli.note(`The status page of ${of.store}. Ctrl-C ends it.`);
  if (!hasToken) {
    cli.note("It shows, and changes nothing. Set WA_VAULT_SERVE_TOKEN for rollbacks, and for the QR codes of bots.");
  }
  if (isLocal) return;
  const names = of.address === "0.0.0.0" || of.address === "::" ? `the addresses of ${hostname()}` : of.address;
  cli.warn(`The page is at ${names}, without TLS: put a proxy with TLS before it unless the network is yours alone.`);
}

async function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new VaultError("INVALID", `--port: ${JSON.stringify(text)} is no port.`, {
    hint: "Write a number from 1 to 65535, or 0 for any port that is free.",
  });
}

/** A host name as headers have it. People write the port too. */
function nameOf(text: string): string {
  const name = text.toLowerCase().replace(/:\d+$/, "");
  if (/^[a-z\d_]([-a-z\d._]*[a-z\d])?$/.test(name)) return name;
  throw new VaultError("INVALID", `--allow-host: ${JSON.stringify(text)} is no host name.`, {
    hint: "Write the name alone, such as status.example.com.",
  });
}
