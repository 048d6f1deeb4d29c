import type { Chunk } from "./manifest.ts";
import type { Location } from "./uploads.ts";

/** A piece whose location is known once its chunk is closed. */
export interface PlacedPiece {
  readonly hash: string;
  readonly bytes: number;
  chunk?: Chunk | undefined;
  offset: number;
}

/** The location of a placed piece; known after `ChunkWriter.finish`. */
export function locationOf({ chunk, offset }: Pick<PlacedPiece, "chunk" | "offset">): Location {
  if (!chunk) throw new Error("the location of a piece was read before its chunk was closed");
  return { chunk, offset };
}
