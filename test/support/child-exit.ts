import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/**
 * Exit code and signal of a process, once all it said is read: "exit" may come before that, and "close" never comes when
 * the channel was closed on this side.
 */
export async function exitOf(child: ChildProcess): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (child.connected) await once(child, "disconnect");
  for (const stream of [child.stdout, child.stderr]) if (stream && !stream.closed) await once(stream, "close");
  return [code, signal];
}
