import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { SessionFrames } from "../../lib/vault/frames.ts";

const frames = new SessionFrames("RemoteAuth-bot");
const content = Buffer.from("content");
const id = createHash("sha256").update(content).digest("hex");

describe("frames of a session without encryption", () => {
  it("give the content back", async () => {
    const frame = await frames.encode("entry", "7", content);
    expect((await frames.decode("entry", "7", frame, "it")).toString()).toBe("content");
  });

  it("name a content by its SHA-256", async () => {
    expect((await frames.contentHash())(content)).toBe(id);
  });

  it("take a chunk only for the content of its id and size", async () => {
    const frame = await frames.encode("chunk", id, content);
    expect((await frames.decodeChunk({ id, bytes: 7 }, frame, "it")).toString()).toBe("content");
    const other = `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`;
    for (const chunk of [
      { id: other, bytes: 7 },
      { id, bytes: 8 },
    ]) {
      await expect(frames.decodeChunk(chunk, frame, "it")).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });
});
