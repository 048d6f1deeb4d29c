import type { Redis } from "ioredis";

/** The times of some `PING`s, one after the other, in milliseconds. */
export async function roundTripsMs(client: Redis, count: number): Promise<number[]> {
  const each: number[] = [];
  for (let index = 0; index < count; index++) {
    const from = performance.now();
    await client.ping();
    each.push(performance.now() - from);
  }
  return each;
}
