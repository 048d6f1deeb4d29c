import { webcrypto } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { whileUsed } from "./while-used.ts";

const running = new Set<Promise<unknown>>();

/** Watches the key derivations of this process until the answered function is called. */
export const watchKeyDerivations: () => () => void = whileUsed(() => {
  const subtle: { deriveBits?: unknown } = webcrypto.subtle;
  const derive = webcrypto.subtle.deriveBits;
  subtle.deriveBits = (...values: Parameters<typeof derive>) => {
    const derivation = derive.apply(webcrypto.subtle, values);
    const ended: Promise<unknown> = derivation.then(
      () => running.delete(ended),
      () => running.delete(ended),
    );
    running.add(ended);
    return derivation;
  };
  return () => {
    delete subtle.deriveBits;
  };
});

/**
 * Resolves once a client of this process, whose last message of the handshake has come in, has the keys of the transport.
 * Baileys 6 begins to derive them when it has sent that message, and fails on a node that comes before it has them:
 * WhatsApp is too far away for that, a server in the same process is not.
 */
export async function clientHasItsKeys(): Promise<void> {
  // In the turn in which the message came the client has begun to derive, or it needs no time for it.
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate();
    await Promise.all(running);
  }
  await setImmediate();
}
