import { describe, expect, it } from "vitest";
import { chunkFolder, chunkKey, folderEpoch, holdFolder, longFolder, shortFolder } from "../../lib/vault/layout.ts";

const hold = "0123456789abcdef0123456789abcdef";

describe("the folder of a holder", () => {
  it("names its epoch and its hold", () => {
    const folder = holdFolder({ epoch: 7, id: hold });
    expect(folder).toBe("0000000000000007-0123456789abcdef");
    expect(folderEpoch(folder)).toBe(7);
  });

  it("is in the key of each of its chunks", () => {
    const folder = holdFolder({ epoch: 7, id: hold });
    const key = chunkKey("RemoteAuth-bot", { id: "ab", folder, alt: 2 });
    expect(key).toBe(`RemoteAuth-bot/chunks/${folder}/ab.2`);
    expect(chunkFolder("RemoteAuth-bot", key)).toBe(folder);
  });

  it("is the epoch alone in chunks of earlier versions", () => {
    expect(folderEpoch("0000000000000007")).toBe(7);
  });

  it.each([
    "",
    "7",
    "0000000000000007-",
    "0000000000000007-0123",
    "000000000000000x",
    "0000000000000007-0123456789ABCDEF",
  ])("is not %j", (folder) => expect(folderEpoch(folder)).toBeUndefined());
});

describe("the short form of a folder", () => {
  it.each([
    ["0000000000000007-0123456789abcdef", "7-0123456789abcdef"],
    ["0000000000000007", 7],
  ])("of %s is %s, and tells the folder again", (folder, short) => {
    expect(shortFolder(folder)).toBe(short);
    expect(longFolder(short)).toBe(folder);
  });

  it.each([undefined, null, -1, 1.5, "7", "7-", "07-0123456789abcdef", "7-../../other", "7-0123456789abcdef/x", {}])(
    "is not %j",
    (short) => expect(longFolder(short)).toBeUndefined(),
  );
});
