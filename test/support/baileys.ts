import { createRequire } from "node:module";
import type { AuthenticationState, SocketConfig, UserFacingSocketConfig, WASocket } from "baileys";
import * as baileys7 from "baileys";
import type { Addressing } from "./whatsapp-server/network.ts";

const require = createRequire(import.meta.url);

/** The releases of Baileys that are tested. */
export type BaileysVersion = "7.0.0-rc14" | "6.17.16" | "6.7.24";

export const baileysVersions: readonly [newest: BaileysVersion, ...older: BaileysVersion[]] = [
  "7.0.0-rc14",
  "6.17.16",
  "6.7.24",
];

/** An open state, in the form that every state for Baileys has. */
export interface OpenState {
  state: AuthenticationState;
  saveCreds(): Promise<void>;
  /** Wires a socket, in the place of a listener that calls `saveCreds`. */
  bind?(socket: WASocket): void;
  /** Finds what the socket has sent before. */
  getMessage?: SocketConfig["getMessage"];
  /** Resolves once everything is stored and nothing will be. */
  close?(): Promise<void>;
}

/** The part of a release that the tests use. */
export interface Baileys extends Pick<typeof baileys7, "makeWASocket" | "initAuthCreds" | "proto" | "BufferJSON"> {
  version: BaileysVersion;
  /** The release's own state: a file in the folder for each record. */
  useMultiFileAuthState(folder: string): Promise<OpenState>;
  /** By which the server has to name people. */
  addressing: Addressing;
  /** Options without which a socket of the release would want something from the internet. */
  offline: Partial<UserFacingSocketConfig>;
}

/** Baileys 6 fetches the history of a new device from a server for media; without history it is ready at once. */
const WITHOUT_HISTORY: Partial<SocketConfig> = { shouldSyncHistoryMessage: () => false };

/** A release of Baileys. @default 7.0.0-rc14 */
export async function baileys(version: BaileysVersion = "7.0.0-rc14"): Promise<Baileys> {
  if (version === "7.0.0-rc14") return { ...baileys7, version, addressing: "lid", offline: {} };
  // The types of the releases differ in details that no test uses. 6.17.16 is CommonJS: `import` would miss some names.
  const module: unknown = version === "6.17.16" ? require("baileys-6.17") : await import("baileys-6.7");
  return { ...(module as typeof baileys7), version, addressing: "pn", offline: WITHOUT_HISTORY };
}
