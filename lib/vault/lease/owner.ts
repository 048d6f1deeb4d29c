import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { hasProvablyEnded, identify, type ProcessId } from "../../disk/process-id.ts";

/** The process that holds a lease. */
export interface LeaseOwner extends ProcessId {
  readonly host: string;
  /** Random id of this boot of the machine; absent on systems without /proc. */
  readonly boot?: string | undefined;
  /** The namespace in which `pid` counts: a container has one of its own. Absent on systems without /proc. */
  readonly pidNamespace?: string | undefined;
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
   * here. (Of two namespaces with one number the first has ended.)
   */
  async isGone(owner) {
    const { host, boot, pidNamespace } = await systemProcesses.self();
    if (boot === undefined || pidNamespace === undefined) return false;
    if (owner.host !== host || owner.boot !== boot || owner.pidNamespace !== pidNamespace) return false;
    return await hasProvablyEnded(owner);
  },
};

/** The owner in messages. */
export function ownerName({ host, pid }: Pick<LeaseOwner, "host" | "pid">): string {
  return `${host}:${pid}`;
}

async function readIdentity(): Promise<LeaseOwner> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
  const pidNamespace = await readlink("/proc/self/ns/pid").catch(() => undefined);
  return { host: hostname(), ...(await identify(process.pid)), boot: boot?.trim(), pidNamespace };
}
