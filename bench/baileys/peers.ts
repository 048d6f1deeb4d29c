// The packages that are compared with: each in a folder of its own, with the exact release, beside this repository.
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, run } from "../../test/support/packed-package.ts";
import { cacheDirectory } from "../../test/support/services/cache.ts";
import { exclusively } from "../../test/support/services/lock.ts";

interface Peer {
  readonly name: string;
  readonly version: string;
  /** What it needs and does not install, or what this repository has no registry for. */
  readonly needs: Readonly<Record<string, string>>;
  /** The release of Baileys that it finds, as a package of this repository. */
  readonly baileys?: "baileys" | "baileys-6.17";
}

export type PeerName = "redis-baileys" | "luoarch" | "mysql-baileys";

export const peers: Readonly<Record<PeerName, Peer>> = {
  // It requires `uuid` and does not say so. It says `@whiskeysockets/baileys` ^6.7.5, and uses its cryptography.
  "redis-baileys": { name: "redis-baileys", version: "1.0.1", needs: { uuid: "^10" }, baileys: "baileys-6.17" },
  luoarch: {
    name: "@luoarch/baileys-store-core",
    version: "1.0.0-rc.4",
    needs: { ioredis: "^5.8.2" },
    baileys: "baileys",
  },
  "mysql-baileys": { name: "mysql-baileys", version: "1.5.4", needs: {} },
};

/** Not a package that could be fetched with its dependencies everywhere: see `overrides` in package.json. */
const BAILEYS = "@whiskeysockets/baileys";
const NOTHING = "npm:pend@^1.2.0";

/**
 * The folder in which the package of a peer is installed; npm brings it once, into the cache of the tests.
 * @throws what npm says
 */
export async function peerFolder(peer: PeerName): Promise<string> {
  const { name, version, needs, baileys } = peers[peer];
  const folder = join(cacheDirectory(), `baileys-peer-${peer}-${version}`);
  await exclusively(`baileys-peer-${peer}`, async () => {
    if (existsSync(folder)) return;
    const making = `${folder}-${process.pid}`;
    mkdirSync(making);
    try {
      const manifest = {
        private: true,
        dependencies: { [name]: version, ...needs },
        overrides: { [BAILEYS]: NOTHING },
      };
      writeFileSync(join(making, "package.json"), JSON.stringify(manifest));
      const quiet = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--no-package-lock"];
      run("npm", ["install", ...quiet], making);
      if (baileys) linkBaileys(join(making, "node_modules"), baileys);
      renameSync(making, folder);
    } finally {
      rmSync(making, { recursive: true, force: true });
    }
  });
  // Another clone of this repository may have been here first, and be gone.
  if (baileys) linkBaileys(join(folder, "node_modules"), baileys);
  return folder;
}

function linkBaileys(modules: string, name: string): void {
  const link = join(modules, BAILEYS);
  rmSync(link, { recursive: true, force: true });
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(root, "node_modules", name), link);
}
