import { afterEach } from "vitest";
import { listen } from "../../../../cli/serve/listen.ts";
import type { ServedStore } from "../../../../cli/serve/routes.ts";
import { StatusServer, type StatusServerOptions } from "../../../../cli/serve/status-server.ts";
import { Token } from "../../../../cli/serve/token.ts";

/** The token of servers that have one. */
export const TOKEN = "correct-horse-battery-staple";

/** A status page that runs. */
export interface RunningStatus {
  readonly status: StatusServer;
  readonly port: number;
  readonly url: string;
  /** What went wrong in the server itself: nothing, in every test. */
  readonly faults: unknown[];
  /** The ids that viewers were told in their place. */
  readonly faultIds: string[];
  /** Addresses from which a wrong token was shown. */
  readonly wrongTokens: string[];
  close(): Promise<void>;
}

/** What a test may choose. */
export type StatusChoice = Partial<Omit<StatusServerOptions, "store" | "onFault" | "onWrongToken">> & {
  readonly hasToken?: boolean;
  readonly port?: number;
};

/** Starts the status page of a store on a free port of this machine. */
export async function startStatus(store: ServedStore, choice: StatusChoice = {}): Promise<RunningStatus> {
  const { hasToken = false, port: wanted = 0, ...options } = choice;
  const faults: unknown[] = [];
  const access = { isLoopback: true, names: new Set<string>(), token: hasToken ? new Token(TOKEN) : undefined };
  const faultIds: string[] = [];
  const wrongTokens: string[] = [];
  const onFault = (id: string, fault: unknown): void => {
    faultIds.push(id);
    faults.push(fault);
  };
  const onWrongToken = (address: string): void => void wrongTokens.push(address);
  const status = await StatusServer.create({ access, everyMs: 20, ...options, store, onFault, onWrongToken });
  const port = await listen(status.server, "127.0.0.1", wanted);
  return { status, port, url: `http://127.0.0.1:${port}`, faults, faultIds, wrongTokens, close: () => status.close() };
}

/** {@link startStatus}, ended after each test. */
export function useStatus(): typeof startStatus {
  let running: RunningStatus[] = [];
  afterEach(async () => {
    const ended = running;
    running = [];
    await Promise.all(ended.map((one) => one.close()));
  });
  return async (store, choice) => {
    const one = await startStatus(store, choice);
    running.push(one);
    return one;
  };
}
