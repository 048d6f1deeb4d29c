import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { sampleOf } from "../../wapi/support/sample.ts";

/** A session of wapi that a phone has linked. */
export const uuid = "0b6f7a3e-5d0c-4a8e-9f5b-1d2c3b4a5968";

/** Writes it below `directory`, as wapi's LocalAuth keeps it. */
export async function writeWapi(directory: string): Promise<void> {
  mkdirSync(join(directory, uuid));
  for (const [name, record] of sampleOf(uuid).stored) writeFileSync(join(directory, uuid, `${name}.enc`), record);
}

/** Sets it in Redis, as wapi's RedisAuth keeps it. */
export async function fillWapi(client: Redis, prefix: string): Promise<void> {
  for (const [name, record] of sampleOf(uuid).stored) await client.set(`${prefix}:${uuid}:${name}`, record);
}
