// A process of its own that migrates, and is killed at one of its steps on the disk:
// `node migrate-child.js <MigrationSpec as JSON>`.
import { FileStore } from "../../../adapters/fs/index.ts";
import { migrateAuthState } from "../../../lib/baileys/index.ts";
import type { MultiFilePlace, StorePlace } from "../../../lib/baileys/migration/places.ts";
import { type Moment, tellSteps } from "./disk-steps.ts";

/** A place in words that travel to another process. */
export type PlaceSpec = { readonly files: string } | { readonly store: string };

export interface MigrationSpec {
  readonly from: PlaceSpec;
  readonly to: PlaceSpec;
  /** The step at which the process is killed. */
  readonly at: number;
  readonly moment: Moment;
}

/** The place; in a store, its session `bot`. */
export function placeOf(spec: PlaceSpec): MultiFilePlace | StorePlace {
  if ("files" in spec) return { multiFile: spec.files };
  return { store: new FileStore({ directory: spec.store, retries: 0 }), session: "bot" };
}

const [, script, argument] = process.argv;
if (script?.endsWith("migrate-child.js") && argument !== undefined) {
  const { from, to, at, moment } = JSON.parse(argument) as MigrationSpec;
  let steps = 0;
  await tellSteps(
    () => migrateAuthState({ from: placeOf(from), to: placeOf(to) }),
    (n, when) => {
      steps = Math.max(steps, n + 1);
      if (n === at && when === moment) process.kill(process.pid, "SIGKILL");
    },
  );
  process.stdout.write(String(steps));
}
