import type { BinaryNode } from "baileys";
import { node } from "./nodes.ts";

/**
 * How the server ends a connection: another one of the same device has come, the device was removed on the phone, the
 * client is to come again, the server goes down, the stream ends without a reason, or the network fails.
 */
export type Ending = "replaced" | "removed" | "restart" | "unavailable" | "ended" | "dropped";

/** The last node of a connection. */
export function endingNode(ending: Exclude<Ending, "dropped">): BinaryNode {
  const endings = {
    replaced: node("stream:error", {}, [node("conflict", { type: "replaced" })]),
    removed: node("stream:error", { code: "401" }, [node("conflict", { type: "device_removed" })]),
    restart: node("stream:error", { code: "515" }),
    unavailable: node("stream:error", { code: "503" }),
    ended: node("xmlstreamend"),
  };
  return endings[ending];
}
