import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { assertSameFiles, filesIn, linkedProfileFiles, writeFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import {
  newBucket,
  type Service,
  s3Client,
  startMongo,
  startPostgres,
  startRedis,
  startS3,
  unique,
} from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { useCredentials } from "./support/credentials.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
const files = linkedProfileFiles("5511988887777");

/** From a profile into the store, into a file, into the store again under another name, and to a profile. */
function takesSessions(addressOf: () => Promise<string>): void {
  it("takes a session in and out of it", async () => {
    const [root, env] = [folder(), { WA_VAULT_STORE: await addressOf() }];
    const [profile, file, copy] = ["session-a", "a.wavault", "session-b"].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    await writeFiles(files, profile);
    for (const args of [
      ["push", profile, "a"],
      ["export", "a", file, "--plain"],
      ["import", file, "b"],
      ["pull", "b", copy],
    ]) {
      expect(await runCli(args, { env }), args.join(" ")).toMatchObject({ code: 0, stderr: "" });
    }
    assertSameFiles(await filesIn(copy), files);
  });
}

describe("a directory", () => takesSessions(async () => `file:${join(folder(), "sessions")}`));

await suiteWith<Service>("S3", shared(startS3), (service) => {
  useCredentials(service.env);
  takesSessions(async () => {
    const client = s3Client(service);
    const bucket = await newBucket(client);
    client.destroy();
    const { AWS_REGION = "", S3_ENDPOINT = "" } = service.env;
    return `s3://${bucket}/bots?endpoint=${encodeURIComponent(S3_ENDPOINT)}&region=${AWS_REGION}`;
  });
});

await suiteWith<Service>("MongoDB", shared(startMongo), ({ env }) => {
  takesSessions(async () => withParameter(env.MONGODB_URI, `collection=${unique()}`));
});

await suiteWith<Service>("Redis", shared(startRedis), ({ env }) => {
  takesSessions(async () => withParameter(env.REDIS_URL, `prefix=${unique()}:`));
});

await suiteWith<Service>("PostgreSQL", shared(startPostgres), ({ env }) => {
  takesSessions(async () => withParameter(env.POSTGRES_URL, `table=t${unique()}`));
});

function withParameter(address = "", parameter: string): string {
  return `${address}${address.includes("?") ? "&" : "?"}${parameter}`;
}
