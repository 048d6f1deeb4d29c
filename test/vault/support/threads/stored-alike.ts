import assert from "node:assert/strict";
import { basename } from "node:path";
import { built } from "./built.ts";

const { FileBlobs } = await built<typeof import("../../../../adapters/fs/index.ts")>("adapters/fs/index.ts");

/** @throws unless the session has chunks of the same ids and sizes in the store that `save` makes. @param save its directory */
export async function assertStoredAlike(
  directory: string,
  session: string,
  save: () => Promise<string>,
): Promise<void> {
  const chunks = await chunksIn(directory, session);
  assert.ok(chunks.length > 0);
  assert.deepEqual(await chunksIn(await save(), session), chunks);
}

async function chunksIn(directory: string, session: string): Promise<string[]> {
  const chunks: string[] = [];
  for await (const { key, size } of new FileBlobs({ directory }).list(`${session}/chunks/`)) {
    chunks.push(`${basename(key)} ${size}`);
  }
  return chunks.sort();
}
