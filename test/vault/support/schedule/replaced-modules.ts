// To be imported first: what decides by a disk, or by the memory of the whole process, is replaced. A test file that
// imports it needs a worker of its own.
import { vi } from "vitest";

vi.mock("../../../../lib/vault/write-profile.ts", () => import("./memory-profiles.ts"));
vi.mock("../../../../lib/profile/verify.ts", () => import("./trusted-profiles.ts"));
vi.mock("../../../../lib/vault/memory-budget.ts", () => import("./own-budget.ts"));
