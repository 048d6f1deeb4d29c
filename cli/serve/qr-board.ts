import { Refusal } from "./http-answer.ts";

/** What a bot waits for a person to do: scan a QR code, or type a pairing code. */
export interface LinkRequest {
  /** The name that the bot gave. */
  readonly session: string;
  readonly kind: "qr" | "code";
  readonly at: Date;
  /** When it is forgotten, unless the bot sends it anew. */
  readonly until: Date;
}

interface Held extends LinkRequest {
  readonly text: string;
  readonly timer: NodeJS.Timeout;
}

/** How long each is kept: WhatsApp replaces a QR code after 20 or 60 seconds, and a pairing code after 3 minutes. */
const KEPT_MS = { qr: 60_000, code: 180_000 } as const;
/** How many sessions may ask at once. */
const MOST = 500;
/** What a QR code of the weakest correction can hold, in bytes. */
const MOST_BYTES = 2_900;
const PAIRING_CODE = /^[A-Z0-9]{4}-?[A-Z0-9]{4}$/i;

/** The QR codes that bots ask somebody to scan. In memory only, and for a minute: whoever scans one has the session. */
export class QrBoard {
  readonly #held = new Map<string, Held>();
  readonly #changed: () => void;
  readonly #keptMs: Readonly<Record<LinkRequest["kind"], number>>;

  /** @param changed called after each change */
  constructor(changed: () => void, keptMs: Readonly<Record<LinkRequest["kind"], number>> = KEPT_MS) {
    this.#changed = changed;
    this.#keptMs = keptMs;
  }

  /** @throws {@link Refusal} when the text is none that WhatsApp gives */
  put(session: string, given: string): LinkRequest {
    const text = given.trim();
    const kind = PAIRING_CODE.test(text) ? "code" : "qr";
    if (text === "") throw new Refusal(400, "INVALID", "The body is empty: it must be the QR code as text.");
    if (Buffer.byteLength(text) > MOST_BYTES) throw new Refusal(413, "TOO_LARGE", "No QR code holds so much text.");
    if (!this.#held.has(session) && this.#held.size >= MOST) {
      throw new Refusal(503, "UNAVAILABLE", `${MOST} sessions wait for somebody already.`);
    }
    clearTimeout(this.#held.get(session)?.timer);
    const at = new Date();
    const keptMs = this.#keptMs[kind];
    const timer = setTimeout(() => this.delete(session), keptMs).unref();
    const held = { session, kind, at, until: new Date(at.getTime() + keptMs), text, timer } as const;
    this.#held.set(session, held);
    this.#changed();
    return request(held);
  }

  delete(session: string): boolean {
    clearTimeout(this.#held.get(session)?.timer);
    const isThere = this.#held.delete(session);
    if (isThere) this.#changed();
    return isThere;
  }

  /** What a person sees: the image of a QR code, or the letters of a pairing code. */
  async get(session: string): Promise<(LinkRequest & ({ svg: string } | { code: string })) | undefined> {
    const held = this.#held.get(session);
    if (held === undefined) return undefined;
    if (held.kind === "code") return { ...request(held), code: letters(held.text) };
    const { renderSVG } = await import("uqr");
    // A border of four is what readers are promised.
    return { ...request(held), svg: renderSVG(held.text, { border: 4 }) };
  }

  /** Who waits, without what a person would need. */
  get list(): LinkRequest[] {
    return [...this.#held.values()].map(request);
  }

  close(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
  }
}

function request({ session, kind, at, until }: Held): LinkRequest {
  return { session, kind, at, until };
}

/** As WhatsApp shows it on the phone: `ABCD-1234`. */
function letters(code: string): string {
  const plain = code.replace("-", "").toUpperCase();
  return `${plain.slice(0, 4)}-${plain.slice(4)}`;
}
