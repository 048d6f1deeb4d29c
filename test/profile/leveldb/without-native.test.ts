// The suites of everything that checks checksums of LevelDB, where the native function is missing.
import { describe, expect, it, vi } from "vitest";
import { findNativeCrc32c } from "../../../lib/profile/leveldb/native-crc32c.ts";

vi.mock("../../../lib/profile/leveldb/native-crc32c.ts", () => ({ findNativeCrc32c: () => undefined }));

describe("without the native CRC-32C", async () => {
  it("is checked with the function in JavaScript", () => {
    expect(findNativeCrc32c()).toBeUndefined();
  });

  await import("./check.test.ts");
  await import("./format.test.ts");
  await import("./table.test.ts");
});
