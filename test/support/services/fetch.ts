// `npm run fetch`: sees to it that whatever the tests need is there before the first of them, and says which way each
// part was had. `-- --long`: what `npm run test:long` needs, too. A part that cannot be had is named; what becomes of its
// tests is decided where they are (suite.ts).
import { obtainChromium } from "../chromium.ts";
import { obtainHeadlessShell } from "../headless-shell.ts";
import { obtainXvfb } from "../virtual-display.ts";
import { obtainMongo } from "./mongo.ts";
import { nodeVersions, obtainNode } from "./node.ts";
import { obtainPgBouncer, obtainPostgres } from "./postgres.ts";
import { obtainTool, obtainZsh, type Program, ServiceMissing } from "./programs.ts";
import { obtainRedis } from "./redis.ts";
import { obtainMinio, obtainS3, obtainVersity } from "./s3.ts";
import { obtainToxiproxy } from "./toxiproxy.ts";

type Part = () => Promise<Pick<Program, "way">>;

async function obtainZip(): Promise<Pick<Program, "way">> {
  const tools = ["zip", "unzip"];
  const found = await Promise.all(tools.map(obtainTool));
  const missing = tools.filter((_, index) => !found[index]);
  if (missing.length > 0) throw new ServiceMissing(`${missing.join(", ")} is missing. Install it.`);
  return { way: "zip and unzip" };
}

async function obtainSqlite(): Promise<Pick<Program, "way">> {
  const isThere = await obtainTool("sqlite3");
  if (!isThere) throw new ServiceMissing("sqlite3 is missing. Install the command line program of SQLite.");
  return { way: "sqlite3" };
}

// The servers also where an address of one is given: tests that hurt a server start their own.
const parts: Part[] = [
  obtainChromium,
  obtainHeadlessShell,
  obtainXvfb,
  obtainZip,
  obtainSqlite,
  obtainZsh,
  obtainRedis,
  obtainMongo,
  obtainPostgres,
  obtainS3,
  obtainToxiproxy,
  ...nodeVersions.map((version) => () => obtainNode(version)),
];
if (process.argv.includes("--long")) parts.push(obtainMinio, obtainVersity, obtainPgBouncer);

// Side by side: while one is being downloaded, another is unpacked or built.
await Promise.all(
  parts.map(async (part) => {
    try {
      console.log((await part()).way);
    } catch (error) {
      if (!(error instanceof ServiceMissing)) throw error;
      console.log(error.message);
    }
  }),
);
