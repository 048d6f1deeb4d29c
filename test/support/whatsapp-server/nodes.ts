import { randomBytes } from "node:crypto";
import type { BinaryNode } from "baileys";

/** A node; attributes that are undefined are left out. */
export function node(
  tag: string,
  attrs: Record<string, string | undefined> = {},
  content?: BinaryNode[] | Uint8Array,
): BinaryNode {
  const given = Object.entries(attrs).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { tag, attrs: Object.fromEntries(given), ...(content === undefined ? {} : { content }) };
}

/** An id that no other node of this process has. */
export function newId(): string {
  return randomBytes(8).toString("hex").toUpperCase();
}

/** Now, as nodes have it: seconds since the epoch. */
export function seconds(): string {
  return String(Math.floor(Date.now() / 1000));
}

/** The bytes that a node has for its content. */
export function bytesOf({ tag, content }: BinaryNode): Buffer {
  if (!(content instanceof Uint8Array)) throw new Error(`a node ${tag} without bytes`);
  return Buffer.from(content);
}
