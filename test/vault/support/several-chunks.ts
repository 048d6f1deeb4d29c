import { type Files, noise, profileFiles } from "../../contract/profile.ts";

/** A profile whose chunks are compressed: text in tables of two sizes, and small files. */
export function severalChunks(): Files {
  return profileFiles("one", {
    "Default/IndexedDB/000005.ldb": text(5 * 1024 * 1024, 1),
    "Default/IndexedDB/000007.ldb": text(600_000, 2),
    "Default/IndexedDB/000009.log": text(100_000, 3),
  });
}

/** Bytes of four bits each. */
function text(bytes: number, seed: number): Buffer {
  const content = noise(bytes, seed);
  for (let at = 0; at < bytes; at++) content[at] = 0x60 + ((content[at] ?? 0) & 0x0f);
  return content;
}
