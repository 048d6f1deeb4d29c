import { describe, expect, it } from "vitest";
import { chunkKey, holdFolder } from "../../lib/vault/layout.ts";
import { leftovers } from "../../lib/vault/prune.ts";

const session = "RemoteAuth-bot";
const folder = (epoch: number, hold = "a"): string => holdFolder({ epoch, id: hold.repeat(32) });
const key = (of: string, alt = 0): string => chunkKey(session, { id: "ab".repeat(32), folder: of, alt });

describe("chunks that a holder may sweep", () => {
  it("are those of its own folder and of earlier epochs", () => {
    const old = ["0000000000000001", folder(4)].map((of) => key(of));
    const listed = [...old, key(folder(4), 1), key(folder(5)), key(folder(6))];
    expect(leftovers(session, listed, folder(5))).toEqual(listed.slice(0, -1));
  });

  it("are none of another holder of the same epoch", () => {
    const listed = [key(folder(5, "b")), key("0000000000000005")];
    expect(leftovers(session, listed, folder(5))).toEqual([]);
  });

  it("are no keys that name no epoch", () => {
    expect(leftovers(session, [`${session}/chunks/x`, `${session}/chunks/5/a`], folder(5))).toEqual([]);
  });
});
