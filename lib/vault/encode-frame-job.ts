import { asBuffer, ownBuffers } from "../async/memory.ts";
import type { Job } from "../async/threads/job.ts";
import { encodeFrame, type FrameKind, type Seal } from "./frame.ts";

/** What {@link encodeFrame} takes. */
export interface FrameToEncode {
  readonly kind: FrameKind;
  /** Moves to the thread and back. */
  readonly plain: Uint8Array;
  readonly seal: Seal | undefined;
}

export interface EncodedFrame {
  readonly frame: Uint8Array;
  /** The content, which is of no use any more but for its memory. */
  readonly plain: Uint8Array;
}

/** Compresses, encrypts and frames a content. */
export const job: Job<FrameToEncode, EncodedFrame> = {
  module: import.meta.url,
  run: async ({ kind, plain, seal }) => ({
    frame: await encodeFrame(kind, asBuffer(plain), seal && packedSeal(seal)),
    plain,
  }),
  movedIn: ({ plain }) => ownBuffers(plain),
  movedOut: ({ frame, plain }) => [...ownBuffers(frame), ...ownBuffers(plain)],
};

/** The salt arrives as a `Uint8Array`. */
function packedSeal({ scrypt, ...seal }: Seal): Seal {
  return { ...seal, ...(scrypt ? { scrypt: { ...scrypt, salt: asBuffer(scrypt.salt) } } : {}) };
}
