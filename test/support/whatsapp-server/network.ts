import type { EventLog } from "../events.ts";
import type { Companion } from "./companion.ts";
import type { Group } from "./group.ts";
import type { PendingClient } from "./pending-client.ts";
import type { Person } from "./person.ts";
import type { Phone } from "./phone.ts";
import type { Traffic } from "./traffic.ts";

/** Whether the server names people by their LID, as it does for newer clients, or by their phone number. */
export type Addressing = "lid" | "pn";

/** The server, as its parts see it. */
export interface Network {
  readonly addressing: Addressing;
  readonly traffic: Traffic;
  /** The phone to which the devices belong that contacts write to, unless they name another. */
  readonly phone: Phone;
  readonly phones: readonly Phone[];
  /** @param user a phone number or LID, without the server part */
  person(user: string): Person | undefined;
  group(jid: string): Group | undefined;
  /** The clients that are connected and not linked. */
  readonly pending: ReadonlySet<PendingClient>;
  /** What these ask of a phone that links them by a code: `<its number>@s.whatsapp.net <stage>`, with a `CodeRequest`. */
  readonly codeRequests: EventLog;
}

/** The linked device with this address, by phone number or LID. */
export function companionAt(network: Network, jid: string): Companion | undefined {
  return network.phones.flatMap(({ companions }) => companions).find(({ pn, lid }) => pn === jid || lid === jid);
}
