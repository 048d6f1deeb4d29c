import { type WapiPlace, wapiSource } from "../../lib/wapi/index.ts";
import { baileysSession } from "./baileys.ts";
import type { OldSession } from "./old-setup.ts";

/** A session of wapi. @param secret a key of its own, that records were stored with */
export function wapiSession(place: WapiPlace, secret: { key?: string; passphrase?: string }): OldSession {
  const wapi = wapiSource({ ...place, ...secret });
  return baileysSession("wapi", place.uuid, { wapi }, async () => {
    const unnamed = await wapi.unnamed();
    if (unnamed === 0) return [];
    return [
      `${unnamed} records have names that nothing tells of, as of groups, and stay behind: the bot asks for them anew.`,
    ];
  });
}
