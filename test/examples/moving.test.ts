import { readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { S3Store } from "../../adapters/s3/index.ts";
import { copySession } from "../../lib/copy-session.ts";
import { writesSoon } from "../support/chromium.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { s3Client, startMongo, startS3, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { openStore } from "../support/stores.ts";
import { Example, ended, placeCode, root, session } from "./example.ts";

const rig = useRig();

describe("moving here", () => {
  it("from the shipped LocalAuth takes the name of a folder", async () => {
    const cwd = rig.folder();
    const dataPath = join(cwd, ".wwebjs_auth");
    const before = rig.start({ strategy: "shipped-local", clientId: "support", dataPath, cwd, args: writesSoon });
    await before.until("qr");
    await before.phone.pair();
    await before.until("ready");
    await localStorageOnDisk(dataPath);
    await before.close();
    renameSync(join(dataPath, "session-support"), join(dataPath, session));

    const bot = new Example("remote-auth.mts", cwd);
    await bot.until("remote_session_saved");
    await bot.end("SIGTERM");
    rmSync(dataPath, { recursive: true });
    const elsewhere = new Example("remote-auth.mts", cwd);
    await elsewhere.until("ready");
    for (const { events } of [bot, elsewhere]) expect(events).not.toContain("qr");
    await elsewhere.end("SIGTERM");
  });
});

describe("renaming a session", () => {
  it("takes the code of docs/moving.md", async () => {
    const code =
      /```js\n([^`]*renameSession[^`]*)```/.exec(readFileSync(join(root, "docs/moving.md"), "utf8"))?.[1] ?? "";
    const cwd = rig.folder();
    const store = await linked(cwd);
    const file = placeCode(cwd, "rename", code.replace("/mnt/sessions", join(cwd, "volume/sessions")));
    expect(await ended(file, cwd, [])).toContain("comparing");
    const copy = { from: store, to: store, session: "RemoteAuth-help", fromSession: session };
    await expect(copySession(copy)).rejects.toMatchObject({ code: "ABSENT" });
    await store.undelete({ session });
    expect(await copySession(copy)).toMatchObject({ unchanged: true });
  });
});

/** A session in the directory that remote-auth.mts uses. */
async function linked(cwd: string): Promise<FileStore> {
  const directory = join(cwd, "volume/sessions");
  await savedSession(rig, directory);
  const store = new FileStore({ directory });
  await copySession({ from: store, to: store, session, fromSession: "RemoteAuth" });
  return store;
}

await suiteWith("moving from wwebjs-mongo", shared(startMongo), ({ env: { MONGODB_URI = "" } }) => {
  it("takes examples/move-from-wwebjs-mongo.mts", async () => {
    const cwd = rig.folder();
    const files = await linked(cwd);
    const uri = new URL(MONGODB_URI);
    uri.pathname = `/moving${unique()}`;
    const server = { MONGODB_URI: uri.href };
    await copySession({ from: files, to: await openStore({ kind: "wwebjs-mongo", env: server }), session });
    const said = await ended("move-from-wwebjs-mongo.mts", cwd, [session], server);
    expect(said).toContain(`${session} was moved`);
    const to = await openStore({ kind: "mongo", env: server, name: "wa_vault" });
    expect(await copySession({ from: files, to, session })).toMatchObject({ unchanged: true });
  });
});

await suiteWith("moving from wwebjs-aws-s3", shared(startS3), ({ env }) => {
  it("takes examples/move-from-wwebjs-aws-s3.mts", async () => {
    const cwd = rig.folder();
    const files = await linked(cwd);
    const name = `moving${unique()}`;
    await copySession({ from: files, to: await openStore({ kind: "wwebjs-aws-s3", env, name }), session });
    const said = await ended("move-from-wwebjs-aws-s3.mts", cwd, [session], { ...env, S3_BUCKET: name });
    expect(said).toContain(`${session} was moved`);
    const client = s3Client({ env });
    const to = new S3Store({ client, bucket: name, prefix: "wa-vault/" });
    expect(await copySession({ from: files, to, session })).toMatchObject({ unchanged: true });
    client.destroy();
  });
});
