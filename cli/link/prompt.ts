import type { Cli } from "../cli.ts";
import { codeLines } from "../terminal/big-letters.ts";
import { QrScreen } from "../terminal/qr.ts";
import { type LinkRequest, phoneWords } from "./link-request.ts";
import { say } from "./say.ts";

const HOW = "WhatsApp > Settings (or the menu) > Linked devices > Link a device";

/** Shows the person what to scan, or to type. How that is done is said once. */
export class LinkPrompt {
  readonly #cli: Cli;
  readonly #phone: string | undefined;
  readonly #screen: QrScreen;
  #isTold = false;

  constructor(cli: Cli, { inverts, phone }: Pick<LinkRequest, "inverts" | "phone">) {
    this.#cli = cli;
    this.#phone = phone;
    this.#screen = new QrScreen(cli.err, { inverts });
  }

  /** Shows a QR code in the place of the one before. */
  qr(code: string): void {
    this.#tell(`Waiting for the phone… Scan this code: ${HOW}.`);
    this.#screen.show(code);
  }

  /** The QR code is in the window of the browser. */
  qrInWindow(): void {
    this.#tell(`Waiting for the phone… Scan the code in the window: ${HOW}.`);
  }

  /** Shows the code that is typed on the phone. */
  pairingCode(code: string): void {
    const how = `${HOW} > Link with phone number instead`;
    this.#tell(`Waiting for the phone of ${phoneWords(this.#phone)}… Type this code: ${how}.`);
    this.#cli.note("");
    for (const line of codeLines(code, this.#cli.err.width)) this.#cli.note(line);
    this.#cli.note("");
  }

  /** Takes the QR code off the screen. */
  clear(): void {
    this.#screen.clear();
  }

  #tell(text: string): void {
    if (!this.#isTold) say(this.#cli, text);
    this.#isTold = true;
  }
}
