import { expect } from "vitest";
import type { BlobStore } from "../../lib/blobs.ts";

/** The keys that begin with `s/`. */
export async function keysOf(blobs: BlobStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list("s/")) keys.push(key);
  return keys;
}

/** The errors of every call, each of which has to fail. */
export function errorsOf(blobs: BlobStore): Promise<unknown[]> {
  const value = Buffer.from("value");
  const calls = [
    blobs.get("s/a"),
    blobs.put("s/a", value),
    blobs.put("s/a", value, { ifAbsent: true }),
    blobs.delete(["s/a"]),
    keysOf(blobs),
    blobs.traits(),
  ];
  return Promise.all(
    calls.map((call) =>
      call.then(
        () => expect.fail("it was answered"),
        (error: unknown) => error,
      ),
    ),
  );
}
