import { VaultError } from "../lib/errors.ts";
import type { Address } from "./parse-address.ts";

/** A server, and its port. */
export interface Host {
  readonly host: string;
  readonly port: number;
}

/** The hosts of an address, separated by commas; one of IPv6 stands in brackets. @throws `INVALID` when one is none */
export function hostsOf({ host, shown }: Address, defaultPort: number): readonly [Host, ...Host[]] {
  const hosts = host.split(",").map((one): Host => {
    const [, name, port = ""] = /^(\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[\w.-]+)(?::(.*))?$/i.exec(one) ?? [];
    if (name !== undefined) return { host: name.replace(/^\[(.*)\]$/, "$1"), port: portOf(port, defaultPort, shown) };
    throw new VaultError("INVALID", `${shown} has a host that is none.`, {
      hint: "Hosts are written as `host:port`, separated by commas; an address of IPv6 stands in brackets: `[::1]:6379`.",
    });
  });
  const [first, ...others] = hosts as [Host, ...Host[]];
  return [first, ...others];
}

/** The only host. @throws `INVALID` when there are several */
export function hostOf(address: Address, defaultPort: number, hint: string): Host {
  const [only, other] = hostsOf(address, defaultPort);
  if (other === undefined) return only;
  throw new VaultError("INVALID", `${address.shown} has several hosts, and takes one.`, { hint });
}

/** @throws `INVALID` when a number of a port is none; "" of `written` is the default */
function portOf(written: string, byDefault: number, shown: string): number {
  const port = written === "" ? byDefault : Number(written);
  if (/^\d*$/.test(written) && port >= 1 && port <= 65_535) return port;
  throw new VaultError("INVALID", `${shown} has a port that is none.`, {
    hint: `A port is a number from 1 to 65535; without one it is ${byDefault}.`,
  });
}
