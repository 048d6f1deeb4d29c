import { type BinaryNode, type KeyPair, NOISE_WA_HEADER } from "baileys";
import type { WebSocket } from "ws";
import { type Codec, codecOf } from "./codecs.ts";
import { newId } from "./nodes.ts";
import { type ClientFinish, Noise } from "./noise.ts";

/** What happens on a connection. An error that any of these throws is handed to `onFault`. */
export interface ConnectionEvents {
  /** The handshake is finished: the client registers or logs in. */
  onClient(connection: Connection, client: ClientFinish): void | Promise<void>;
  /** A node that answers none of the server's. */
  onNode(connection: Connection, node: BinaryNode): void | Promise<void>;
  onClosed(connection: Connection): void;
  onFault(fault: unknown): void;
}

interface Asked {
  resolve(answer: BinaryNode): void;
  reject(reason: Error): void;
}

/** Bytes of a frame's length. */
const LENGTH_BYTES = 3;

/** One connection of a client: frames, the Noise handshake, nodes. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #serverKey: KeyPair;
  readonly #events: ConnectionEvents;
  #codec: Codec | undefined;
  #noise: Noise | undefined;
  #isGreeted = false;
  #received: Buffer = Buffer.alloc(0);
  #reading: Promise<void> = Promise.resolve();
  readonly #asked = new Map<string, Asked>();

  constructor(socket: WebSocket, serverKey: KeyPair, events: ConnectionEvents) {
    this.#socket = socket;
    this.#serverKey = serverKey;
    this.#events = events;
    socket.on("message", (data: Buffer) => {
      this.#reading = this.#reading.then(() => this.#read(data)).catch((fault: unknown) => this.#fail(fault));
    });
    socket.on("close", () => {
      events.onClosed(this);
      for (const [id, { reject }] of this.#asked) reject(new Error(`the client has gone without an answer to ${id}`));
    });
    socket.on("error", () => socket.terminate());
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Sends a node. Nothing happens when the client has gone. */
  send(node: BinaryNode): void {
    if (!this.#noise || !this.#codec) throw new Error(`${node.tag}: the handshake is not finished`);
    if (!this.isOpen) return;
    this.#write(this.#noise.encrypt(this.#codec.encode(node)));
  }

  /** Sends an `iq` and resolves with the answer. Rejects when the client goes before it answers. */
  ask(request: BinaryNode): Promise<BinaryNode> {
    const id = newId();
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.send({ ...request, attrs: { ...request.attrs, id } });
    });
  }

  /** Sends a last node, and closes. */
  end(last: BinaryNode): void {
    this.send(last);
    this.#socket.close();
  }

  /** Ends the connection as a failing network does. */
  drop(): void {
    this.#socket.terminate();
  }

  #write(bytes: Uint8Array): void {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUIntBE(bytes.length, 0, LENGTH_BYTES);
    this.#socket.send(Buffer.concat([length, bytes]));
  }

  async #read(data: Buffer): Promise<void> {
    this.#received = Buffer.concat([this.#received, data]);
    if (!this.#noise) await this.#readHeader();
    for (;;) {
      if (this.#received.length < LENGTH_BYTES) return;
      const end = LENGTH_BYTES + this.#received.readUIntBE(0, LENGTH_BYTES);
      if (this.#received.length < end) return;
      const frame = this.#received.subarray(LENGTH_BYTES, end);
      this.#received = this.#received.subarray(end);
      await this.#take(frame);
    }
  }

  /** `WA`, a version and the dictionary; before it the routing that the server has told, with its length. */
  async #readHeader(): Promise<void> {
    if (this.#received.toString("latin1", 0, 2) === "ED") {
      this.#received = this.#received.subarray(7 + this.#received.readUIntBE(4, 3));
    }
    const header = this.#received.subarray(0, NOISE_WA_HEADER.length);
    this.#received = this.#received.subarray(header.length);
    if (header.toString("latin1", 0, 2) !== "WA") throw new Error("a client that does not speak WhatsApp's protocol");
    this.#codec = await codecOf(header.readUInt8(3));
    this.#noise = new Noise(header, this.#serverKey);
  }

  async #take(frame: Buffer): Promise<void> {
    if (!this.#noise || !this.#codec) throw new Error("a frame before the header");
    if (this.#noise.isOpen) {
      const node = await this.#codec.decode(this.#noise.decrypt(frame));
      const answered = this.#asked.get(node.attrs.id ?? "");
      if (answered && node.tag === "iq") {
        this.#asked.delete(node.attrs.id ?? "");
        answered.resolve(node);
      } else {
        this.#handle(this.#events.onNode(this, node));
      }
    } else if (this.#isGreeted) {
      this.#handle(this.#events.onClient(this, this.#noise.finish(frame)));
    } else {
      this.#isGreeted = true;
      this.#write(this.#noise.hello(frame));
    }
  }

  /** The next frame is not kept waiting: it may be the answer to what the handler asks. */
  #handle(work: void | Promise<void>): void {
    Promise.resolve(work).catch((fault: unknown) => this.#fail(fault));
  }

  #fail(fault: unknown): void {
    this.#events.onFault(fault);
    this.drop();
  }
}
