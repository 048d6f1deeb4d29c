import type { Sealed } from "./signal-peer.ts";

/** Where in a sending chain a ciphertext stands. No place may be used for two messages. */
export interface ChainPlace {
  /** The chain: of a session the public ratchet key, of a group the number of the sender key. */
  chain: string;
  counter: number;
}

/** Bytes after the message: of a session's message the MAC, of a group's the signature. */
const TAIL_BYTES = { msg: 8, skmsg: 64 };

/** The place of a ciphertext, which it tells in plain text. */
export function chainPlace({ type, ciphertext }: Sealed): ChainPlace {
  const body = ciphertext.subarray(1);
  if (type === "pkmsg") return chainPlace({ type: "msg", ciphertext: bytesAt(fields(body), 4) });
  const known = fields(body.subarray(0, body.length - TAIL_BYTES[type]));
  const chain = type === "msg" ? bytesAt(known, 1).toString("base64") : String(known.get(1));
  return { chain, counter: Number(known.get(2) ?? 0) };
}

function bytesAt(known: Map<number, number | Buffer>, field: number): Buffer {
  const value = known.get(field);
  if (!(value instanceof Buffer)) throw new Error(`a message without field ${field}`);
  return value;
}

/** The fields of a protobuf message that are numbers or bytes. */
function fields(bytes: Buffer): Map<number, number | Buffer> {
  const found = new Map<number, number | Buffer>();
  let at = 0;
  const varint = (): number => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag & 7;
    if (kind !== 0 && kind !== 2) throw new Error(`a field of kind ${kind}`);
    const value = varint();
    found.set(tag >>> 3, kind === 0 ? value : bytes.subarray(at, at + value));
    if (kind === 2) at += value;
  }
  return found;
}
