import { randomBytes } from "node:crypto";
import type { proto } from "baileys";
import { S_WHATSAPP_NET } from "baileys";
import type { Registered } from "./companion.ts";
import type { Connection } from "./connection.ts";
import { newId, node } from "./nodes.ts";

/** How many QR codes a client can show before it has to connect again. */
const REFS = 6;

/** A client that is connected and not linked. */
export class PendingClient {
  readonly connection: Connection;
  readonly registered: Registered;
  /** A client shows one of these in its QR code. */
  readonly refs: readonly string[];

  constructor(
    connection: Connection,
    noiseKey: Buffer,
    registration: proto.ClientPayload.IDevicePairingRegistrationData,
  ) {
    const { eRegid, eIdent, eSkeyId, eSkeyVal, eSkeySig } = registration;
    if (!eRegid || !eIdent || !eSkeyId || !eSkeyVal || !eSkeySig) throw new Error("a registration without keys");
    this.connection = connection;
    this.registered = {
      noiseKey,
      registrationId: Buffer.from(eRegid).readUInt32BE(),
      identity: Buffer.from(eIdent),
      signedPreKey: {
        id: Buffer.from(eSkeyId).readUIntBE(0, 3),
        key: Buffer.from(eSkeyVal),
        signature: Buffer.from(eSkeySig),
      },
    };
    this.refs = Array.from({ length: REFS }, () => `2@${randomBytes(32).toString("base64url")}`);
  }

  /** Tells the client that it may show a QR code. */
  offerPairing(): void {
    const refs = this.refs.map((ref) => node("ref", {}, Buffer.from(ref)));
    const attrs = { id: newId(), from: S_WHATSAPP_NET, type: "set", xmlns: "md" };
    this.connection.send(node("iq", attrs, [node("pair-device", {}, refs)]));
  }
}
