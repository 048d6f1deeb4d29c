import { randomBytes } from "node:crypto";
import { deflateSync } from "node:zlib";
import { getBinaryNodeChild, proto, S_WHATSAPP_NET } from "baileys";
import { Companion } from "./companion.ts";
import { encNode } from "./contact.ts";
import { type DeviceIdentity, isSignedByDevice, signIdentity } from "./device-identity.ts";
import { childBytes } from "./key-bundle.ts";
import type { Network } from "./network.ts";
import { newId, node, seconds } from "./nodes.ts";
import { CodePairing, type CodeRequest } from "./pairing-code.ts";
import type { PendingClient } from "./pending-client.ts";
import { Person } from "./person.ts";

/** A phone that links clients to its account. */
export class Phone extends Person {
  /** The linked devices, in the order in which they were linked. */
  readonly companions: Companion[] = [];
  readonly #network: Network;
  #lastDevice = 0;
  /** How many requests of each kind were taken. */
  readonly #codeRequests = new Map<string, number>();

  constructor(number: string, network: Network) {
    super(number, network.traffic);
    this.#network = network;
  }

  /**
   * Links the client that shows this QR code. The server then tells the client to connect again.
   * @param qr of the event `connection.update`
   */
  async link(qr: string): Promise<Companion> {
    const [ref = "", , , advSecret = ""] = qr.replace(/^.*#/, "").split(",");
    const client = [...this.#network.pending].find(({ refs }) => refs.includes(ref));
    if (!client) throw new Error("no client shows this QR code");
    return this.#adopt(client, Buffer.from(advSecret, "base64"));
  }

  /**
   * Links the client that has asked for this pairing code, or will ask. The server then tells the client to connect again.
   * @throws when the code is another one
   */
  async linkByCode(code: string): Promise<Companion> {
    const hello = await this.#codeRequest("companion_hello");
    const pairing = await CodePairing.begin(this.peer.creds.signedIdentityKey, code, hello.request);
    hello.client.connection.send(pairing.notification());
    const { client, request } = await this.#codeRequest("companion_finish");
    return this.#adopt(client, pairing.finish(request));
  }

  async #codeRequest(stage: string): Promise<CodeRequest> {
    const name = `${this.pn} ${stage}`;
    const count = this.#codeRequests.get(name) ?? 0;
    this.#codeRequests.set(name, count + 1);
    const { values } = await this.#network.codeRequests.until(name, undefined, count + 1);
    return values[0] as CodeRequest;
  }

  /** Removes a linked device from the account. */
  unlink(companion: Companion): void {
    this.companions.splice(this.companions.indexOf(companion), 1);
    companion.end("removed");
  }

  /**
   * Makes the client a device of the account.
   * @param advSecret which the phone and the client have in common
   */
  async #adopt(client: PendingClient, advSecret: Buffer): Promise<Companion> {
    const device = ++this.#lastDevice;
    const { identity } = client.registered;
    const companion = new Companion(this, device, client.registered, this.#network.traffic);
    const signing: DeviceIdentity = { account: this.peer.creds.signedIdentityKey, identity, device, advSecret };
    const success = node("pair-success", {}, [
      node("device-identity", {}, signIdentity(signing)),
      node("device", { jid: companion.pn, lid: companion.lid }),
      node("platform", { name: "android" }),
    ]);
    const attrs = { from: S_WHATSAPP_NET, type: "set", xmlns: "md", t: seconds() };
    const answer = getBinaryNodeChild(await client.connection.ask(node("iq", attrs, [success])), "pair-device-sign");
    if (!answer || !isSignedByDevice(childBytes(answer, "device-identity"), signing)) {
      throw new Error("the client has not signed its identity");
    }
    this.companions.push(companion);
    client.connection.end(node("stream:error", { code: "515" }));
    return companion;
  }

  /** Sends a new device what it waits for: the history, which is empty here, and the key of the app state. */
  async introduce(companion: Companion): Promise<void> {
    const { Type } = proto.Message.ProtocolMessage;
    const syncType = proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP;
    const history = proto.HistorySync.encode({ syncType, progress: 100 }).finish();
    const historySyncNotification = {
      syncType,
      progress: 100,
      initialHistBootstrapInlinePayload: deflateSync(history),
    };
    const fingerprint = { rawId: 1, currentIndex: companion.device, deviceIndexes: [0, companion.device] };
    const keyData = { keyData: randomBytes(32), fingerprint, timestamp: Date.now() };
    const appStateSyncKeyShare = { keys: [{ keyId: { keyId: randomBytes(6) }, keyData }] };
    for (const protocolMessage of [
      { type: Type.HISTORY_SYNC_NOTIFICATION, historySyncNotification },
      { type: Type.APP_STATE_SYNC_KEY_SHARE, appStateSyncKeyShare },
    ]) {
      await this.inOrder(async () => {
        const sealed = await this.peer.seal(companion.lid, { protocolMessage }, () => companion.takeBundle());
        const attrs = { id: newId(), from: this.pn, type: "text", category: "peer", t: seconds() };
        companion.deliver(node("message", attrs, [encNode(sealed)]));
      });
    }
  }
}
