// To be imported first: what decides by a disk, or by the memory of the whole process, is replaced, and what takes much
// time and is no part of the protocol. A test file that imports it needs a worker of its own.
import { vi } from "vitest";

vi.mock("../../../../lib/vault/write-profile.ts", () => import("./memory-profiles.ts"));
vi.mock("../../../../lib/profile/verify.ts", () => import("./trusted-profiles.ts"));
vi.mock("../../../../lib/vault/memory-budget.ts", () => import("./own-budget.ts"));
// The network of a schedule gives up by itself.
vi.mock("../../../../lib/blobs/timeout.ts", () => ({ timeout: <Blobs>(blobs: Blobs) => blobs }));
vi.mock("../../../../lib/vault/compress.ts", async (load) => ({
  ...(await load<object>()),
  pack: async (plain: Buffer) => ({ codec: 0, body: plain }),
}));
