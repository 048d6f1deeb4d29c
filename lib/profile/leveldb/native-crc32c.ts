import { createRequire } from "node:module";

/** The CRC-32C of all of `bytes`, unsigned. */
export type Crc32c = (bytes: Uint8Array) => number;

/** What a build must answer before it is trusted; long enough for all of its ways to compute. */
const KNOWN: Buffer = Buffer.alloc(1024, "123456789");
const KNOWN_CRC = 0x65c3e03c;

/**
 * CRC-32C by the processor's own instruction, of the optional package `@node-rs/crc32`; `undefined` where the package is
 * not installed, has no build for this platform, or does not work. It takes some milliseconds to load.
 * @param load brings the package
 */
export function findNativeCrc32c(load: () => unknown = loadPackage): Crc32c | undefined {
  try {
    const { crc32c } = load() as { crc32c: Crc32c };
    return crc32c(KNOWN) === KNOWN_CRC ? (bytes) => crc32c(bytes) : undefined;
  } catch {
    // Nothing is lost but time: the function in JavaScript takes its place.
    return undefined;
  }
}

function loadPackage(): unknown {
  return createRequire(import.meta.url)("@node-rs/crc32");
}
