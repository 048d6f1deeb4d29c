import type { VaultErrorCode } from "../../../../lib/errors.ts";
import type { Vault } from "../../../../lib/vault/vault.ts";
import type { Files } from "../../../contract/profile.ts";
import type { Network } from "./network.ts";
import type { Ownership } from "./ownership.ts";
import type { Plan } from "./plan.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";
import type { Truth } from "./truth.ts";

/** What happened in one schedule. */
export interface Outcome {
  commits: number;
  saves: number;
  unchanged: number;
  restores: number;
  /** Sets of records, and segments that they were put together in. */
  sets: number;
  /** Deletions of all records by their holder. */
  clears: number;
  folds: number;
  takes: number;
  late: number;
  /** Holds that the store has lost. */
  losses: number;
  /** By code, or `aborted`: how often an operation ended without a result. */
  refused: Map<VaultErrorCode | "aborted", number>;
}

/** What all processes of a schedule share. */
export interface World {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly network: Network;
  readonly truth: Truth;
  readonly ownership: Ownership;
  readonly session: string;
  readonly outcome: Outcome;
  /** By the id of the entry: the files of a generation, from the moment its entry was sent. */
  readonly contents: Map<string, Files>;
  /** The sets of records that were told to be stored. */
  readonly acknowledged: Set<string>;
  /** Whether processes are to end what they do, and begin nothing more. */
  isOver: boolean;
  failure?: unknown;
  vault(process: SimulatedProcess): Vault;
}
