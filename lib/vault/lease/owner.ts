import { hostname } from "node:os";
import { identify, type ProcessId, stateOf } from "../../disk/process-id.ts";

/** The process that holds a lease. */
export interface LeaseOwner extends ProcessId {
  readonly host: string;
}

/** What a vault knows of processes. */
export interface Processes {
  /** This process, as its leases name it. */
  self(): Promise<LeaseOwner>;
  /** Whether the owner of a lease has ended for certain. */
  isGone(owner: LeaseOwner): Promise<boolean>;
}

let own: Promise<LeaseOwner> | undefined;

/** The processes of this machine. */
export const systemProcesses: Processes = {
  self() {
    own ??= readIdentity();
    return own;
  },
  /**
   * Only for an owner of the same host, boot and pid namespace can it be said: elsewhere its process number means nothing
   * here.
   */
  async isGone(owner) {
    const { host, boot, pidNamespace } = await systemProcesses.self();
    if (owner.host !== host || boot === undefined || pidNamespace === undefined) return false;
    return (await stateOf(owner)) === "ended";
  },
};

/** The owner in messages. */
export function ownerName({ host, pid }: Pick<LeaseOwner, "host" | "pid">): string {
  return `${host}:${pid}`;
}

async function readIdentity(): Promise<LeaseOwner> {
  return { host: hostname(), ...(await identify(process.pid)) };
}
