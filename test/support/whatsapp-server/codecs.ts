import { type BinaryNode, decodeBinaryNode, encodeBinaryNode } from "baileys";

/** How nodes are written as bytes. Which strings have short forms depends on the client's dictionary. */
export interface Codec {
  encode(node: BinaryNode): Uint8Array;
  decode(bytes: Uint8Array): Promise<BinaryNode>;
}

/**
 * The codec of a dictionary. Baileys 7 and 6.7 have the third one, 6.17 the second.
 * @param dictionary the version that a client names in the header of its connection
 */
export async function codecOf(dictionary: number): Promise<Codec> {
  const coders = { 2: await import("baileys-6.17"), 3: { encodeBinaryNode, decodeBinaryNode } }[dictionary];
  if (!coders) throw new Error(`no dictionary ${dictionary}`);
  return {
    encode: (node) => coders.encodeBinaryNode(node),
    decode: (bytes) => coders.decodeBinaryNode(Buffer.from(bytes)),
  };
}
