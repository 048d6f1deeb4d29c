// npm run demo: a real whatsapp-web.js client in a real Chromium is linked, saved, loses its machine, and comes back.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findChromium } from "../test/support/chromium.ts";
import { addressedStore, demoStores } from "./stores.ts";
import { tell } from "./story.ts";
import { terminal } from "./terminal.ts";

const help = `npm run demo -- [options]

Links a whatsapp-web.js client, saves its session, destroys its machine (kill -9, profile deleted), and brings the session
back in another process. Exits with 0 when it was ready again without a QR and nothing was lost, else with 1.

  --store <kind>  where the session is kept: ${Object.keys(demoStores).join(", ")} (default: file), or the address of a
                  store of yours, such as redis://localhost:6379 (docs/stores.md)
  --live          talk to the real WhatsApp, with a QR for your own phone, instead of a stand-in page on this machine
  --keep          leave the store and the profiles on disk
  --help          this text
`;

const out = terminal();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      store: { type: "string", default: "file" },
      live: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const openStore =
    demoStores[values.store] ?? (values.store.includes(":") ? async () => addressedStore(values.store) : undefined);
  if (!openStore) {
    throw new Error(
      `--store: expected one of ${Object.keys(demoStores).join(", ")}, or an address, got ${values.store}`,
    );
  }

  out.title("wa-vault: a WhatsApp session that survives its machine");
  out.step(values.store === "file" ? "Find a browser" : "Find a browser and a server");
  const chromium = findChromium(out.line);
  out.line(chromium.how);

  const folder = mkdtempSync(join(tmpdir(), "wa-vault-demo-"));
  if (!values.keep) process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const store = await openStore(join(folder, "store"));
  if (store.way) out.line(store.way);
  try {
    await tell({ out, folder, store, live: values.live });
    out.good("The session survived its machine: no second QR, nothing lost.");
    return 0;
  } finally {
    await store.close();
    if (values.keep) out.line(`kept: ${folder}`);
  }
}

// An interrupted demo leaves nothing behind: bots, browsers and servers are ended with this process.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => process.exit(code));

try {
  process.exitCode = await main();
} catch (error) {
  out.bad(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
