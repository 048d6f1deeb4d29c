import { join } from "node:path";
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { isVaultError } from "../../../lib/errors.ts";
import { checkEncryption, type Encryption } from "../../../lib/vault/encryption.ts";
import { decodeEntry, type Entry } from "../../../lib/vault/entry.ts";
import { SessionFrames } from "../../../lib/vault/frames.ts";
import { chunkKey, entryKey } from "../../../lib/vault/layout.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { testKey } from "../../support/keys.ts";
import { takeOver } from "../../support/take-over.ts";
import { everything } from "../../support/traces.ts";

// Somebody who can read and write the store, and has no key, changes it: every kind of object in every way that FORMAT.md
// does not list as one that nobody can notice.

const session = "RemoteAuth-bot";
const other = "RemoteAuth-two";
const encryption = { keys: [testKey(1), testKey(2)] };
/** With blobs this small, a manifest with many long paths is stored in chunks. */
const small = { maxBlobBytes: 64 * 1024 };

/** All that is stored, by key. */
type Stored = Map<string, Buffer>;

/** A session, and what an attacker has of other times and places. */
interface World {
  readonly stored: Stored;
  /** The files of each generation. */
  readonly saved: ReadonlyMap<number, Files>;
  /** Generations: a proven one, one whose manifest is in chunks, and the current one. */
  readonly proven: number;
  readonly large: number;
  readonly current: number;
  /** Number of the newest entry, which is no generation. */
  readonly newest: number;
  /** The session as a store without encryption, and one whose first key is another one, would have it. */
  readonly plain: Stored;
  readonly otherKey: Stored;
  /** A whole plain session of the attacker's, whose entries have larger numbers. */
  readonly forged: Stored;
  /** The session as it was after the first save. */
  readonly before: Stored;
  /** Keys of two chunks of one size that only the current generation needs, and of one of the manifest in chunks. */
  readonly chunk: string;
  readonly otherChunk: string;
  readonly manifestChunk: string;
}

const folder = useFolder();
let world: World;

beforeAll(async () => {
  world = await makeWorld();
});

/** What a restore of the current generation does. */
type Outcome =
  /** As if nothing had been changed. */
  | "current"
  /** Falls back to the proven generation, and says so. */
  | "proven"
  /** Refuses. */
  | "CORRUPT"
  | "WRONG_KEY"
  /** A state that the store had before, or may have: FORMAT.md lists it. */
  | "before"
  | "ABSENT";

interface Attack {
  readonly change: (stored: Stored, world: World) => unknown;
  readonly outcome: Outcome;
}

const newest = (world: World): string => entryKey(session, world.newest);
const currentEntry = (world: World): string => entryKey(session, world.current);
const provenEntry = (world: World): string => entryKey(session, world.proven);
const next = (world: World): string => entryKey(session, world.newest + 1);
const lease = (stored: Stored): string => [...stored.keys()].find((key) => /\/lease\/.*\/\d{16}$/.test(key)) ?? "none";

/** Puts the value of one key in the place of another. */
const copy = (
  from: (world: World) => string,
  to: (world: World) => string,
  source: "stored" | "plain" | "otherKey" = "stored",
): Pick<Attack, "change"> => ({
  change: (stored, world) => stored.set(to(world), bytesAt(world[source], from(world))),
});

const attacks: Record<string, Attack> = {
  nothing: { change: () => {}, outcome: "current" },

  // The newest entry: all that a reader goes by.
  "the newest entry: an earlier entry in its place": { ...copy(provenEntry, newest), outcome: "CORRUPT" },
  "the newest entry: the entry of another session in its place": {
    ...copy((world) => entryKey(other, world.newest), newest),
    outcome: "CORRUPT",
  },
  "the newest entry: a chunk in its place": { ...copy((world) => world.chunk, newest), outcome: "CORRUPT" },
  "the newest entry: a plain entry in its place": { ...copy(newest, newest, "plain"), outcome: "CORRUPT" },
  "the newest entry: that of another store under another key of the list": {
    ...copy(newest, newest, "otherKey"),
    outcome: "CORRUPT",
  },
  "the newest entry: nothing in its place": {
    change: (stored, world) => stored.set(newest(world), Buffer.alloc(0)),
    outcome: "CORRUPT",
  },
  "an entry after the newest: a copy of it": { ...copy(newest, next), outcome: "CORRUPT" },
  "an entry after the newest: an earlier entry": { ...copy(provenEntry, next), outcome: "CORRUPT" },
  "an entry after the newest: a plain one": { ...copy(newest, next, "plain"), outcome: "CORRUPT" },
  "entries after the newest: a whole plain session": {
    change: (stored, world) => {
      for (const [key, bytes] of world.forged) stored.set(key, bytes);
    },
    outcome: "CORRUPT",
  },
  "the newest entry: a whole plain session in its place, and after it": {
    change: (stored, world) => {
      stored.delete(newest(world));
      for (const [key, bytes] of world.forged) stored.set(key, bytes);
    },
    outcome: "CORRUPT",
  },
  "an entry after the newest: that of another session": {
    ...copy((world) => entryKey(other, world.newest), next),
    outcome: "CORRUPT",
  },

  // The entry of the current generation, which is not the newest entry.
  "the current generation: an earlier generation in its place": {
    ...copy(provenEntry, currentEntry),
    outcome: "proven",
  },
  "the current generation: that of another session in its place": {
    ...copy((world) => entryKey(other, world.current), currentEntry),
    outcome: "proven",
  },
  "the current generation: a plain one in its place": {
    ...copy(currentEntry, currentEntry, "plain"),
    outcome: "proven",
  },
  "the current generation: deleted": {
    change: (stored, world) => stored.delete(currentEntry(world)),
    outcome: "proven",
  },
  "every entry but the newest: plain ones in their places": {
    change: (stored, world) => {
      for (const [key, bytes] of world.plain) {
        if (key.startsWith(`${session}/log/`) && key !== newest(world)) stored.set(key, bytes);
      }
    },
    outcome: "CORRUPT",
  },

  // Chunks.
  "a chunk: another chunk in its place": {
    ...copy(
      (world) => world.otherChunk,
      (world) => world.chunk,
    ),
    outcome: "proven",
  },
  "a chunk: a plain chunk in its place": {
    change: (stored, world) => {
      const [, plain] = [...world.plain].find(([key]) => key.includes("/chunks/")) ?? [];
      stored.set(world.chunk, plain ?? Buffer.alloc(0));
    },
    outcome: "proven",
  },
  "a chunk: that of another session in its place": {
    change: (stored, world) => {
      const [, theirs] = [...stored].find(([key]) => key.startsWith(`${other}/chunks/`)) ?? [];
      stored.set(world.chunk, theirs ?? Buffer.alloc(0));
    },
    outcome: "proven",
  },
  "a chunk: an entry in its place": { ...copy(newest, (world) => world.chunk), outcome: "proven" },
  "a chunk: deleted": { change: (stored, world) => stored.delete(world.chunk), outcome: "proven" },
  "a chunk of a manifest: another chunk in its place": {
    ...copy(
      (world) => world.chunk,
      (world) => world.manifestChunk,
    ),
    outcome: "current",
  },
  "a chunk of a manifest: deleted": {
    change: (stored, world) => stored.delete(world.manifestChunk),
    outcome: "current",
  },

  // What is not encrypted, or says nothing of the session's content.
  "the list of sessions: without the session": {
    change: (stored) => stored.delete(`_sessions/${session}`),
    outcome: "current",
  },
  "the list of sessions: something else in its place": {
    change: (stored) => stored.set(`_sessions/${session}`, Buffer.from("x")),
    outcome: "current",
  },
  "a lease: an entry in its place": {
    change: (stored, world) => stored.set(lease(stored), bytesAt(stored, newest(world))),
    outcome: "current",
  },
  "a lease: deleted": { change: (stored) => stored.delete(lease(stored)), outcome: "current" },

  // What FORMAT.md lists as what nobody can notice.
  "the newest entry: deleted": { change: (stored, world) => stored.delete(newest(world)), outcome: "current" },
  "the newest entries: deleted": {
    change: (stored, world) => {
      for (let n = world.newest; n > world.proven; n--) stored.delete(entryKey(session, n));
    },
    outcome: "before",
  },
  "everything: as it was before": {
    change: (stored, world) => {
      for (const key of stored.keys()) if (key.startsWith(`${session}/`)) stored.delete(key);
      for (const [key, bytes] of world.before) stored.set(key, bytes);
    },
    outcome: "before",
  },
  "everything: that of another session in its place": {
    change: (stored) => {
      for (const key of stored.keys()) if (key.startsWith(`${session}/`)) stored.delete(key);
      for (const [key, bytes] of [...stored]) {
        if (key.startsWith(`${other}/`)) stored.set(key.replace(other, session), bytes);
      }
    },
    outcome: "CORRUPT",
  },
  "everything: deleted": {
    change: (stored) => {
      for (const key of stored.keys()) if (key.includes(session)) stored.delete(key);
    },
    outcome: "ABSENT",
  },
  "the whole log: deleted": {
    change: (stored) => {
      for (const key of stored.keys()) if (key.startsWith(`${session}/log/`)) stored.delete(key);
    },
    outcome: "CORRUPT",
  },
};

/** Ways to damage one object so that its checksum is right. */
const damages: Record<string, (frame: Buffer) => Buffer> = {
  "a bit of its content flipped": (frame) => checked(flip(frame, frame.length - 25)),
  "a bit of its tag flipped": (frame) => checked(flip(frame, frame.length - 6)),
  "a bit of its nonce flipped": (frame) => checked(flip(frame, 21)),
  "another length": (frame) => checked(flip(frame, 11)),
  "another codec": (frame) => checked(flip(frame, 5)),
  "its end cut off": (frame) => checked(frame.subarray(0, -20)),
  "its header alone": (frame) => checked(Buffer.concat([frame.subarray(0, 32), Buffer.alloc(4)])),
  "the mark of a plain frame": (frame) => {
    const plain = Buffer.from(frame);
    plain[3] = 1;
    plain[6] = 0;
    return checked(plain);
  },
};
const damaged: [string, (world: World) => string, Outcome][] = [
  ["the newest entry", newest, "CORRUPT"],
  ["the current generation", currentEntry, "proven"],
  ["a chunk", (world) => world.chunk, "proven"],
  ["a chunk of a manifest", (world) => world.manifestChunk, "current"],
];
for (const [what, where, outcome] of damaged) {
  for (const [how, damage] of Object.entries(damages)) {
    attacks[`${what}: ${how}`] = {
      change: (stored, world) => stored.set(where(world), damage(bytesAt(stored, where(world)))),
      outcome,
    };
  }
  attacks[`${what}: the id of another key`] = {
    change: (stored, world) => stored.set(where(world), checked(flip(bytesAt(stored, where(world)), 13))),
    outcome: outcome === "current" ? "current" : "WRONG_KEY",
  };
}

describe("a store that somebody without a key has changed", () => {
  it.each(Object.entries(attacks))("%s", async (_, { change, outcome }) => {
    const stored = new Map(world.stored);
    change(stored, world);
    expect((await restore(stored)).outcome).toBe(outcome);
    for (const generation of world.saved.keys()) {
      const { files } = await restore(stored, generation);
      if (files) assertSameFiles(files, savedAs(generation));
    }
  });

  it.each(Object.entries(attacks))(
    "takes no wrong files for saved ones after the next save: %s",
    async (_, { change }) => {
      const stored = new Map(world.stored);
      change(stored, world);
      const blobs = await blobsOf(stored);
      const next = profileFiles("the next save");
      let id = "";
      try {
        const store = open(blobs);
        const lease = await takeOver(store, session);
        ({ id } = await store.saveProfile({ session, lease, capture: captureOf(next) }));
        await lease.release();
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/CORRUPT|WRONG_KEY/) });
      }
      const into = join(folder(), "into");
      const report = await open(blobs)
        .restoreProfile({ session, into })
        .catch(() => undefined);
      if (report) assertSameFiles(await filesIn(into), report.id === id ? next : savedAs(report.generation));
    },
  );
});

/** Restores from a copy of the store, with a vault that has seen nothing of it before. */
async function restore(stored: Stored, generation?: number): Promise<{ outcome: Outcome; files?: Files }> {
  const into = join(folder(), "into");
  try {
    const report = await open(await blobsOf(stored)).restoreProfile({ session, into, generation });
    const files = await filesIn(into);
    assertSameFiles(files, savedAs(report.generation));
    if (report.skipped.length > 0) return { outcome: "proven", files };
    return { outcome: report.generation === world.current ? "current" : "before", files };
  } catch (error) {
    if (!isVaultError(error)) throw error;
    return { outcome: error.code as Outcome };
  }
}

function savedAs(generation: number): Files {
  return world.saved.get(generation) ?? {};
}

async function makeWorld(): Promise<World> {
  const saved = new Map<number, Files>();
  const blobs = new MemoryBlobs(small);
  const { proven, large, current, newest, before } = await aLife(blobs, session, encryption, saved);
  await aLife(blobs, other, encryption);
  const stored = new Map([...(await everything(blobs, session)), ...(await everything(blobs, other))]);
  const [plain, otherKey] = [new MemoryBlobs(small), new MemoryBlobs(small)];
  await aLife(plain, session);
  await aLife(otherKey, session, { keys: [...encryption.keys].reverse() });
  const keyring = checkEncryption(encryption);
  const frames = new SessionFrames(session, { keyring, salt: () => Promise.reject(new Error("no salt is needed")) });
  const entryOf = (n: number): Promise<Entry> => decodeEntry(frames, n, bytesAt(stored, entryKey(session, n)));
  const { manifest } = await entryOf(current);
  const piecesOfOne = manifest?.files.find(({ path }) => path === "Default/table.ldb")?.pieces ?? [];
  const [chunk, otherChunk] = piecesOfOne.map((piece) => chunkKey(session, piece.chunk));
  const [manifestChunk] = (await entryOf(large)).manifestChunks ?? [];
  if (!chunk || !otherChunk || !manifestChunk) throw new Error("the world is not as the attacks need it");
  return {
    ...{ stored, saved, proven, large, current, newest, before, chunk, otherChunk },
    manifestChunk: chunkKey(session, manifestChunk),
    plain: await everything(plain, session),
    forged: await forge(newest),
    otherKey: await everything(otherKey, session),
  };
}

/** A session without encryption, all of whose entries come after entry `n`, and that is whole by itself. */
async function forge(n: number): Promise<Stored> {
  const blobs = new MemoryBlobs(small);
  const store = new Vault({ blobs, onWarning: () => {} });
  for (;;) {
    const lease = await store.acquire({ session });
    const capture = captureOf(profileFiles("the attacker's", { "Default/table.ldb": noise(150_000, 9) }));
    const { generation } = await store.saveProfile({ session, lease, capture });
    const all = await everything(blobs, session);
    if (generation > n + 1) {
      await lease.release();
      return new Map([...all].filter(([key]) => key.includes("/chunks/") || key > entryKey(session, n)));
    }
    await store.delete({ session, lease, retainMs: 0 });
    await lease.release();
  }
}

/** Saves three generations, marks two of them, and ends with an entry that is no generation. */
async function aLife(
  blobs: MemoryBlobs,
  session: string,
  encryption?: Encryption,
  saved = new Map<number, Files>(),
): Promise<Pick<World, "proven" | "large" | "current" | "newest" | "before">> {
  const store = new Vault({ blobs, encryption, onWarning: () => {} });
  const lease = await store.acquire({ session });
  const save = async (files: Files): Promise<number> => {
    const { generation } = await store.saveProfile({ session, lease, capture: captureOf(files) });
    saved.set(generation, files);
    return generation;
  };
  const proven = await save(profileFiles("one", { "Default/table.ldb": noise(150_000, 1) }));
  const before = await everything(blobs, session);
  await store.mark({ session, lease, generation: proven, as: "proven" });
  const many = Array.from({ length: 40 }, (_, n) => [`Default/${longPath(n)}`, Buffer.from(`${n}`)]);
  const large = await save({ ...profileFiles("two"), ...Object.fromEntries(many) });
  const current = await save(profileFiles("three", { "Default/table.ldb": noise(150_000, 3) }));
  await store.mark({ session, lease, generation: large, as: "rejected" });
  const newest = (await store.state({ session }))?.entry ?? 0;
  await lease.release();
  return { proven, large, current, newest, before };
}

function longPath(n: number): string {
  return ["a", "b", "c", "d"].map((letter) => `${letter.repeat(230)}${letter === "d" ? n : ""}`).join("/");
}

function open(blobs: MemoryBlobs): Vault {
  return new Vault({ blobs, encryption, retries: 0, retryDelayMs: 0, onWarning: () => {} });
}

async function blobsOf(stored: Stored): Promise<MemoryBlobs> {
  const blobs = new MemoryBlobs(small);
  for (const [key, bytes] of stored) await blobs.put(key, bytes);
  return blobs;
}

function bytesAt(stored: Stored, key: string): Buffer {
  const bytes = stored.get(key);
  if (!bytes) throw new Error(`nothing is stored at ${key}`);
  return bytes;
}

function flip(frame: Buffer, at: number): Buffer {
  const flipped = Buffer.from(frame);
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  return flipped;
}

/** The frame with the checksum that it should have. */
function checked(frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  copy.writeUInt32BE(crc32(copy.subarray(0, -4)), copy.length - 4);
  return copy;
}
