import type { IncomingMessage } from "node:http";
import { Refusal } from "./http-answer.ts";

/** The most that a request may bring, in bytes: a QR code has some 250, and no code has more than 2,953. */
export const MAX_BODY_BYTES = 4_096;

/**
 * The body of a request as text.
 * @param type the media type that it must have; a request without one is taken for it
 * @throws {@link Refusal} when it is of another type, longer than {@link MAX_BODY_BYTES}, or no UTF-8
 */
export async function readBody(request: IncomingMessage, type: string): Promise<string> {
  const given = request.headers["content-type"];
  if (given !== undefined && given.split(";", 1)[0]?.trim().toLowerCase() !== type) {
    throw new Refusal(415, "INVALID", `The body must be ${type}.`, {
      hint: `Send the header \`content-type: ${type}\`.`,
    });
  }
  if (Number(request.headers["content-length"]) > MAX_BODY_BYTES) throw tooLarge();
  const bytes = await bytesOf(request);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal(400, "INVALID", "The body is no UTF-8.");
  }
}

/** The body of a request as an object. @throws {@link Refusal} when it is no object in JSON */
export async function readObject(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = await readBody(request, "application/json");
  let value: unknown;
  try {
    value = JSON.parse(text === "" ? "{}" : text);
  } catch {
    throw new Refusal(400, "INVALID", "The body is no JSON.");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Refusal(400, "INVALID", "The body must be an object.");
}

/** Leaves the request open when it is refused: an iterator would destroy it, and with it the answer. */
function bytesOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    request.on("data", (piece: Buffer) => {
      length += piece.length;
      if (length <= MAX_BODY_BYTES) return void pieces.push(piece);
      request.pause();
      reject(tooLarge());
    });
    request.once("end", () => resolve(Buffer.concat(pieces)));
    const gone = (): void => reject(new Refusal(400, "CANCELLED", "The client went before it had sent its body."));
    request.once("error", gone).once("close", gone);
  });
}

function tooLarge(): Refusal {
  return new Refusal(413, "TOO_LARGE", `The body is longer than ${MAX_BODY_BYTES} bytes.`);
}
