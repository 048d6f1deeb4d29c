// Loaded before an example (`node --import`): its client talks to the stand-in page, and whoever started it hears what
// happens, and may send a state of the connection. It is linked at once; with WA_VAULT_LINK_LATER, when `LINK` is sent.
// The example itself is unchanged.
import { createRequire } from "node:module";
import type { Client, ClientOptions } from "whatsapp-web.js";
import { writesSoon } from "../support/chromium.ts";
import { clientOptions } from "../support/client.ts";
import { phoneOf } from "../support/phone.ts";
import { answerEverything, type DevtoolsPage } from "../support/stand-in/stand-in.ts";

const whatsapp = createRequire(import.meta.url)("whatsapp-web.js") as {
  Client: new (options: ClientOptions) => Client;
};
const tell = (event: string): void => void process.send?.(event, () => {});

whatsapp.Client = class extends whatsapp.Client {
  constructor(options: ClientOptions) {
    if (!options.authStrategy) throw new Error("The example names no strategy.");
    super(clientOptions({ authStrategy: options.authStrategy, puppeteer: { args: writesSoon } }));
    this.on("qr", async () => {
      tell("qr");
      if (!process.env.WA_VAULT_LINK_LATER) await phoneOf(this).pair();
    });
    process.on("message", async (state: string) => {
      if (state === "LINK") await phoneOf(this).pair();
      else await phoneOf(this).setState(state);
    });
    process.channel?.unref();
    for (const event of ["ready", "remote_session_saved", "remote_session_restored", "remote_session_error"]) {
      this.on(event, () => tell(event));
    }
  }

  async initWebVersionCache(): Promise<void> {
    const own = (Object.getPrototypeOf(whatsapp.Client.prototype) as { initWebVersionCache(): Promise<void> })
      .initWebVersionCache;
    await own.call(this);
    await answerEverything(this.pupPage as unknown as DevtoolsPage);
  }
};
