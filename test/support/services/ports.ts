import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, createServer } from "node:net";

// Below the ports that the system hands out to connections (from 32768, or 49152): none of those can take a server's
// port while it is down, not even a client that tries to reach it.
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** A loopback port on which no process listens at this moment. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < LAST_PORT - FIRST_PORT; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
  throw new Error(`No port from ${FIRST_PORT} to ${LAST_PORT} is free.`);
}

/** Whether a server can listen on the port, on loopback and on all addresses. */
export async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, "127.0.0.1")) && (await canListen(port, "0.0.0.0"));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** Whether a process accepts connections there. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      resolve(true);
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}

/**
 * Whether it is this process that listens on the port: another server may have taken it first, and answers for it.
 * `true` on systems without /proc.
 */
export function listensOn(pid: number, port: number): boolean {
  if (!existsSync("/proc/self/net/tcp")) return true;
  try {
    const sockets = listeners(pid, port);
    return descriptors(pid).some((target) => sockets.has(target));
  } catch {
    return false; // It has ended.
  }
}

/** Listening sockets of the port, as `/proc/<pid>/fd` names them (proc(5): net/tcp). */
function listeners(pid: number, port: number): Set<string> {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = ["tcp", "tcp6"].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n"));
  const found = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(end) && state === "0A");
  return new Set(found.map((fields) => `socket:[${fields[9]}]`));
}

function descriptors(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)];
    } catch {
      return []; // Closed meanwhile.
    }
  });
}
