// The real `inject()` of whatsapp-web.js on a page that asks for a link, and the start that it makes by itself.
import { beforeEach, expect, it } from "vitest";
import type { Client } from "whatsapp-web.js";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { VaultError } from "../../../lib/errors.ts";
import { useFolder } from "../../support/folder.ts";
import { type WhatsappVersion, whatsapp, whatsappVersions } from "../../support/whatsapp.ts";
import { session, storeGenerations } from "../support/ladder.ts";
import { LeasedStore } from "../support/leased-store.ts";
import { ScriptedBrowser } from "../support/scripted-client.ts";

const folder = useFolder();
let store: LeasedStore;
beforeEach(async () => {
  store = new LeasedStore();
  await storeGenerations(store, [{ name: "older" }, { name: "current" }]);
  store.waits.length = 0;
});

interface Opened {
  readonly warnings: string[];
  readonly client: Client;
  readonly errors: unknown[];
  /** A navigation: whatsapp-web.js calls it in a listener, so that its rejection ends the process. */
  navigated(): Promise<void>;
}

/** A client whose page has not asked for anything yet, and whose next browser cannot be launched. */
async function opened(version: WhatsappVersion): Promise<Opened> {
  const warnings: string[] = [];
  const authStrategy = new RemoteAuth({
    store,
    dataPath: folder(),
    backupSyncIntervalMs: 60_000,
    onWarning: (message) => warnings.push(message),
  });
  const client = new (whatsapp(version).Client)({ authStrategy, puppeteer: { executablePath: "/no-chromium" } });
  const errors: unknown[] = [];
  client.on("remote_session_error", (error) => errors.push(error));
  await authStrategy.beforeBrowserInitialized();
  // Every step of inject() asks its page, whose session is refused.
  const pupPage = { evaluate: async () => true };
  Object.assign(client, { pupBrowser: new ScriptedBrowser(), pupPage, getWWebVersion: async () => "2.3000.1" });
  await authStrategy.afterBrowserInitialized();
  return { client, errors, warnings, navigated: () => (client as unknown as { inject(): Promise<void> }).inject() };
}

it.each(whatsappVersions)("a restart that fails after a navigation is told by an event (%s)", async (version) => {
  const { client, errors, navigated } = await opened(version);
  const away = new VaultError("UNAVAILABLE", "The store is away.");
  store.fail("state", away);
  expect(await navigated()).toBeUndefined();
  expect(errors).toMatchObject([{ code: "DENIED" }, away]);
  expect(store.held).toBe(0);
  // Neither does the process end when puppeteer says no, and the client can be started again.
  await expect(client.initialize()).rejects.toThrow("/no-chromium");
  expect(errors).toHaveLength(2);
  expect(store.held).toBe(0);
});

it.each(whatsappVersions)(
  "a browser that cannot be launched by a restart is told with a hint (%s)",
  async (version) => {
    const { errors, warnings, navigated } = await opened(version);
    await navigated();
    expect(errors).toMatchObject([
      { code: "DENIED" },
      {
        code: "UNAVAILABLE",
        message: expect.stringMatching(/^The client of session RemoteAuth could not start again: .*no-chromium/),
        hint: expect.stringContaining("client.initialize()"),
        cause: expect.any(Error),
      },
    ]);
    // For a bot that listens to no event.
    expect(warnings.at(-1)).toMatch(/could not start again: .* The client of RemoteAuth is not running\. Call/s);
    expect(store.held).toBe(0);
  },
);

it.each(whatsappVersions)(
  "a handler of `auth_failure` that starts the client joins the restart (%s)",
  async (version) => {
    const { client, errors, navigated } = await opened(version);
    let byUser: Promise<unknown> | undefined;
    client.on("auth_failure", () => {
      byUser = client.initialize().catch((error: unknown) => error);
    });
    await navigated();
    // The call of the user rejects as any other call.
    expect(await byUser).toMatchObject({ message: expect.stringContaining("no-chromium") });
    expect(errors).toMatchObject([{ code: "DENIED" }, { cause: await byUser }]);
    expect(store.waits).toHaveLength(2);
    expect((await store.state({ session }))?.lease).toBeUndefined();
  },
);
