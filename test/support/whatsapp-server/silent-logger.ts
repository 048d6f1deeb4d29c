import type { SocketConfig } from "baileys";

const say = (): void => {};

/** A logger of Baileys that says nothing. */
export const silentLogger: SocketConfig["logger"] = {
  level: "silent",
  child: () => silentLogger,
  trace: say,
  debug: say,
  info: say,
  warn: say,
  error: say,
};
