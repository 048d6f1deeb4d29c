import { lookup } from "node:dns/promises";
import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { codeOf } from "../../lib/disk/errors.ts";
import { safeMessage, VaultError } from "../../lib/errors.ts";

/** The port of the page where nobody names one. */
export const DEFAULT_PORT = 4870;

/** The address that a host name, or an address, means. @throws `INVALID` when it means none */
export async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new VaultError("INVALID", `--host: ${JSON.stringify(host)} is no address of this machine.`, { cause });
  }
}

/**
 * Listens.
 * @param port `undefined` for {@link DEFAULT_PORT}, or any free one when that is in use
 * @returns the port
 * @throws `CONFLICT` when the port is in use; `DENIED` when this user may not have it; `INVALID` when the address is not one
 *   of this machine
 */
export async function listen(server: Server, address: string, port: number | undefined): Promise<number> {
  try {
    return await tryPort(server, address, port ?? DEFAULT_PORT);
  } catch (error) {
    if (port !== undefined || codeOf(error) !== "EADDRINUSE") throw listenError(error, address, port ?? DEFAULT_PORT);
    return await tryPort(server, address, 0);
  }
}

/** The address of the page. */
export function urlOf(address: string, port: number): string {
  const reached = address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;
  return `http://${isIPv6(reached) ? `[${reached}]` : reached}:${port}`;
}

async function tryPort(server: Server, address: string, port: number): Promise<number> {
  server.listen({ host: address, port });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function listenError(error: unknown, address: string, port: number): VaultError {
  const what = `Could not listen on ${address}, port ${port}`;
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return new VaultError("CONFLICT", `${what}: another process uses it.`, {
        cause: error,
        hint: "Name another one with `--port`, or 0 for any that is free.",
      });
    case "EACCES":
      return new VaultError("DENIED", `${what}: this user may not use it.`, {
        cause: error,
        hint: "Name one above 1023 with `--port`.",
      });
    case "EADDRNOTAVAIL":
      return new VaultError("INVALID", `${what}: it is no address of this machine.`, { cause: error });
    default:
      return new VaultError("UNAVAILABLE", `${what}: ${safeMessage(error)}`, { cause: error });
  }
}
