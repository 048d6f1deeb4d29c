import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import { RedisBlobs, RedisStore } from "../../adapters/redis/index.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { copySession } from "../../lib/copy-session.ts";
import type { Encryption } from "../../lib/vault/encryption.ts";
import { contentOf, keyOf, readFrame } from "../../lib/vault/frame.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { folderPrint } from "../support/folder-print.ts";
import { keyIdOf, testKey } from "../support/keys.ts";
import { isLong } from "../support/length.ts";
import type { Written } from "../support/phone.ts";
import { openRemote, type RemoteClient, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import type { Bot } from "../support/start-bot.ts";
import type { StoreSpec } from "../support/stores.ts";
import { everything, traces } from "../support/traces.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();
const session = "RemoteAuth";
const [A, B] = [testKey(1).toString("base64"), testKey(2).toString("base64")];
const [ID_A, ID_B] = [keyIdOf(testKey(1)), keyIdOf(testKey(2))];

/** A store for machines here and for bots in other processes, and all that is stored in it. */
interface Place {
  readonly blobs: BlobStore;
  readonly spec: StoreSpec;
  open(encryption?: Encryption): Vault;
}

/**
 * A bot on a new machine restores the session, which must have the record `before`, saves one more, and is lost with its
 * machine. @returns that record
 */
async function lifeOfMachine(place: Place, encryption: Encryption, before: Written): Promise<Written> {
  const store = { ...place.spec, encryption };
  const bot = rig.start({ strategy: "remote", store, dataPath: rig.folder() });
  await expectReady(bot, before);
  const written = await bot.phone.write();
  const { unchanged } = await bot.backup();
  expect(unchanged).toBe(false);
  await bot.vanish();
  return written;
}

async function expectReady(bot: Bot | RemoteClient, { sequence, hash }: Written): Promise<void> {
  const { name } = await Promise.race([bot.until("ready"), bot.until("qr")]);
  expect(name).toBe("ready");
  expect(bot.count("qr")).toBe(0);
  expect(await bot.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence, lastHash: hash });
}

/** Ids of the keys of the kept generations, each once. */
async function keysOfGenerations(store: Vault): Promise<Set<string | undefined>> {
  return new Set((await store.state({ session }))?.generations.map(({ keyId }) => keyId));
}

/** Ids of the keys of all frames of the session, each once. */
async function keysOfFrames(blobs: BlobStore): Promise<Set<string | undefined>> {
  const frames = [...(await everything(blobs, session))].filter(([key]) => key.startsWith(`${session}/`));
  return new Set(frames.map(([, frame]) => keyOf(frame)));
}

/** What anybody can read in a session that is stored without encryption, by what it is: of each chunk, 32 bytes. */
async function secretsOf(blobs: BlobStore): Promise<Record<string, Buffer | string>> {
  const secrets: Record<string, Buffer | string> = {
    "the phone number": "15550001111",
    "a path": "Default/Local Storage/leveldb",
  };
  for (const [key, frame] of await everything(blobs, session)) {
    if (!key.startsWith(`${session}/chunks/`)) continue;
    const content = await contentOf(readFrame("chunk", frame, key), key);
    const middle = content.length >> 1;
    // Fewer bytes may stand in any other frame by chance.
    if (middle >= 32) secrets[`a piece of ${key}`] = content.subarray(middle, middle + 32);
  }
  return secrets;
}

async function turnOnAndChangeKeys(place: Place, linked: Written): Promise<void> {
  const { blobs } = place;
  const secrets = await secretsOf(blobs);
  const shown = new Set((await traces(blobs, session, secrets)).map(({ secret }) => secret));
  expect([...shown].sort()).toEqual(Object.keys(secrets).sort());
  const hidden = { ...secrets, "key A": A, "key B": B, "bytes of A": testKey(1), "bytes of B": testKey(2) };

  // Turning it on.
  const onA = await lifeOfMachine(place, { key: A }, linked);
  const withA = place.open({ key: A });
  expect(await keysOfGenerations(withA)).toEqual(new Set([undefined, ID_A]));
  expect((await withA.state({ session }))?.current?.keyId).toBe(ID_A);
  await withA.rekey({ session });
  expect(await keysOfGenerations(withA)).toEqual(new Set([ID_A]));
  expect(await keysOfFrames(blobs)).toEqual(new Set([ID_A]));
  expect(await traces(blobs, session, hidden)).toEqual([]);

  // Another key.
  const onB = await lifeOfMachine(place, { keys: [B, A] }, onA);
  const withBoth = place.open({ keys: [B, A] });
  expect(await keysOfGenerations(withBoth)).toEqual(new Set([ID_A, ID_B]));
  expect((await withBoth.state({ session }))?.current?.keyId).toBe(ID_B);
  await withBoth.rekey({ session });
  expect(await keysOfFrames(blobs)).toEqual(new Set([ID_B]));
  expect(await traces(blobs, session, hidden)).toEqual([]);

  // Without the old key.
  const dataPath = rig.folder();
  const client = openRemote(rig, { store: place.open({ key: B }), dataPath });
  await expectReady(client, onB);
  const written = await client.phone.write();
  await client.close();

  await expectRefused(place, dataPath);
  const again = openRemote(rig, { store: place.open({ key: B }), dataPath });
  await expectReady(again, written);
  await again.close();
}

/** Without key B no machine starts, with a local profile or without, and nothing is changed. */
async function expectRefused(place: Place, dataPath: string): Promise<void> {
  const stored = await everything(place.blobs, session);
  for (const encryption of [{ key: A }, undefined]) {
    for (const path of [dataPath, rig.folder()]) {
      const local = await folderPrint(path);
      const client = openRemote(rig, { store: place.open(encryption), dataPath: path });
      const answers = ["initialize_failed", "initialized", "qr"].map((name) => client.until(name));
      const { name, values } = await Promise.race(answers);
      expect([name, values[0]]).toEqual(["initialize_failed", expect.objectContaining({ code: "WRONG_KEY" })]);
      await client.close();
      expect(client.events.map(({ name }) => name)).toEqual(["initialize_failed"]);
      expect(await folderPrint(path)).toEqual(local);
      expect(await everything(place.blobs, session)).toEqual(stored);
    }
  }
}

const title = "is turned on, and its key changed, between starts on new machines, none of which shows a QR";

describe("encryption of a session in a directory", () => {
  it(title, async () => {
    const directory = rig.folder();
    const linked = await savedSession(rig, directory);
    const place: Place = {
      blobs: new FileBlobs({ directory }),
      spec: { kind: "file", directory },
      open: (encryption) => new FileStore({ directory, encryption }),
    };
    await turnOnAndChangeKeys(place, linked);
    // Beside the blobs, the store has left no file.
    const blobs = await everything(place.blobs, session);
    expect(Object.keys(await folderPrint(directory)).length).toBe(blobs.size);
  });
});

// One store shows it in `npm test`: what is encrypted is the same in all of them.
if (isLong) {
  await suiteWith("encryption of a session on Redis", shared(startRedis), ({ env }) => {
    it(title, async () => {
      const client = new Redis(env.REDIS_URL ?? "");
      try {
        const directory = rig.folder();
        const linked = await savedSession(rig, directory);
        const name = unique();
        const options = { client, prefix: `${name}:` };
        const place: Place = {
          blobs: new RedisBlobs(options),
          spec: { kind: "redis", env, name },
          open: (encryption) => new RedisStore({ ...options, encryption }),
        };
        await copySession({ from: new FileStore({ directory }), to: place.open(), session });
        await turnOnAndChangeKeys(place, linked);
      } finally {
        client.disconnect();
      }
    });
  });
}
