// A process of its own that starts on a profile and stops (SIGSTOP) before its n-th change beside the profile, so that
// whoever started it can look, and let it go on or kill it. Says `stopped`, then `chosen` or `failed <code>`.
import { EventEmitter } from "node:events";
import { writeSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname } from "node:path";
import { FileStore } from "../../../adapters/fs/index.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";

const [directory = "", dataPath = "", stopAt = "0"] = process.argv.slice(2);
let changes = 0;
for (const name of ["rename", "rm", "mkdir", "open"] as const) {
  const real = promises[name] as (...values: unknown[]) => Promise<unknown>;
  const stopping = async (path: string, ...rest: unknown[]): Promise<unknown> => {
    const isRead = name === "open" && ["r", "r+", undefined].includes(rest[0] as string);
    if (!isRead && dirname(path) === dataPath && ++changes === Number(stopAt)) {
      writeSync(1, "stopped\n");
      process.kill(process.pid, "SIGSTOP");
    }
    return await real(path, ...rest);
  };
  Object.assign(promises, { [name]: stopping });
}
syncBuiltinESMExports();

const store = new FileStore({ directory });
const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
strategy.setup(Object.assign(new EventEmitter(), { options: { puppeteer: {} } }) as never);
const said = await strategy.beforeBrowserInitialized().then(
  () => "chosen",
  (error: { code?: string }) => `failed ${error.code}`,
);
writeSync(1, `${said}\n`);
await strategy.destroy();
