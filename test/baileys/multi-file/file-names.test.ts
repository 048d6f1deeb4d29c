import { describe, expect, it } from "vitest";
import { fileNameOf, parseFileName } from "../../../lib/baileys/multi-file/file-names.ts";

describe("the name of a record's file", () => {
  it.each<[string, string, string]>([
    ["sender-key", "status@broadcast::5511999_1::3", "sender-key-status@broadcast--5511999_1--3.json"],
    ["sender-key", "5511999-1612345678@g.us::5511888::0", "sender-key-5511999-1612345678@g.us--5511888--0.json"],
    ["sender-key-memory", "5511999-1612345678@g.us", "sender-key-memory-5511999-1612345678@g.us.json"],
    ["sender-key-memory", "status@broadcast", "sender-key-memory-status@broadcast.json"],
    ["app-state-sync-key", "AAAAAA/b+c==", "app-state-sync-key-AAAAAA__b+c==.json"],
    ["app-state-sync-key", "//AAAA", "app-state-sync-key-____AAAA.json"],
    ["app-state-sync-version", "critical_unblock_low", "app-state-sync-version-critical_unblock_low.json"],
    ["tctoken", "__index", "tctoken-__index.json"],
    ["tctoken", "123@lid", "tctoken-123@lid.json"],
    ["lid-mapping", "123_reverse", "lid-mapping-123_reverse.json"],
    ["device-list", "5511999", "device-list-5511999.json"],
    ["session", "5511999_1.3", "session-5511999_1.3.json"],
    ["identity-key", "5511999.0", "identity-key-5511999.0.json"],
    ["pre-key", "812", "pre-key-812.json"],
  ])("K6: %s %s is %s, and back", (type, id, name) => {
    expect(fileNameOf(type, id)).toBe(name);
    expect(parseFileName(name)).toEqual({ type, id });
  });

  it.each([
    "pre-key-1 (1).json",
    "pre-key-1 copy.json",
    "pre-key-1.json.bak",
    "pre-key-1.json.tmp",
    "pre-key-.json",
    "creds.json",
    "creds.json.bak",
    ".DS_Store",
    "._pre-key-1.json",
    "session-5511999.json",
    "session-5511999.0 - Copy.json",
    "sender-key-memory-5511999.json",
    "sender-key-5511999@g.us--5511888.json",
    "app-state-sync-key-AA_A.json",
    "store.json",
    "other-family-1.json",
  ])("is not %s", (name) => {
    expect(parseFileName(name)).toBeUndefined();
  });
});
