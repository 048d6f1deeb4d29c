import { describe, expect, it } from "vitest";
import type { Wire } from "../../adapters/redis/wire.ts";
import { RedisKeys } from "../../lib/wapi/redis-keys.ts";

const uuid = "550e8400-e29b-41d4-a716-446655440000";

describe("the keys of a session", () => {
  it.each<[string, string, boolean, boolean]>([
    ["", "bots", false, true],
    ["", "bots", true, false],
    ["", "{bots}", true, true],
    ["", "my{bots}too", true, true],
    ["", "a}b{c}", true, true],
    // Redis takes the whole key then.
    ["", "{}", true, false],
    ["", "{}{bots}", true, false],
    ["", "{bots", true, false],
    ["{bots}", "any", true, true],
    ["{", "bots}", true, true],
  ])(
    "behind %j, with the prefix %j, in a Cluster: %s: are together: %s",
    (keyPrefix, prefix, isCluster, areTogether) => {
      const keys = new RedisKeys({ wire: { keyPrefix, isCluster } as Wire, uuid, prefix });
      expect(keys.areTogether).toBe(areTogether);
      expect(keys.at("name")).toBe(`${prefix}:${uuid}:name`);
    },
  );
});
