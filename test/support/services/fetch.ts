// `npm run fetch`: sees to it that whatever the tests need is there before the first of them, and says which way each
// part was had. `-- --long`: what `npm run test:long` needs, too. A part that cannot be had is named; what becomes of its
// tests is decided where they are (suite.ts).
import { obtainChromium } from "../chromium.ts";
import { obtainMongo } from "./mongo.ts";
import { nodeVersions, obtainNode } from "./node.ts";
import { obtainTool, type Program, ServiceMissing } from "./programs.ts";
import { obtainRedis } from "./redis.ts";
import { obtainMinio, obtainS3, obtainVersity } from "./s3.ts";
import { obtainToxiproxy } from "./toxiproxy.ts";

type Part = () => Promise<Pick<Program, "way">>;

/** A server whose address is given need not be there. */
function unless(variable: string, part: Part): Part {
  return async () => (process.env[variable] ? { way: `${variable} is given` } : await part());
}

async function obtainZip(): Promise<Pick<Program, "way">> {
  const tools = ["zip", "unzip"];
  const found = await Promise.all(tools.map(obtainTool));
  const missing = tools.filter((_, index) => !found[index]);
  if (missing.length > 0) throw new ServiceMissing(`${missing.join(", ")} is missing. Install it.`);
  return { way: "zip and unzip" };
}

const parts: Part[] = [
  obtainChromium,
  obtainZip,
  unless("REDIS_URL", obtainRedis),
  unless("MONGODB_URI", obtainMongo),
  unless("S3_ENDPOINT", obtainS3),
  obtainToxiproxy,
  ...nodeVersions.map((version) => () => obtainNode(version)),
];
if (process.argv.includes("--long")) parts.push(obtainMinio, obtainVersity);

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
