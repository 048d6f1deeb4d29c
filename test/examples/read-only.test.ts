// What docs/deploy/read-only.md says: a bot on a file system that is read-only, but for a few folders.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { canMount } from "../support/mount.ts";
import { useRig } from "../support/rig.ts";
import { RUN_DIRECTORY } from "../support/services/service.ts";
import { Example, root } from "./example.ts";

const rig = useRig();
/** A folder of the system with a short path, as `/tmp` is: the path of a socket may have some hundred letters. */
const TMPDIR = "/mnt";

/** The bot in a mount namespace of its own, where only these folders, new and empty, can be written. */
function readOnly(cwd: string, writable: readonly string[]): Example {
  for (const path of writable) mkdirSync(path, { recursive: true });
  const mounts = writable.map((path) => `mount -t tmpfs -o size=512m tmpfs '${path}'`);
  const script = [
    "mount --make-rprivate /",
    // The sessions are a volume.
    `mkdir -p '${cwd}/volume' && mount --bind '${cwd}/volume' '${cwd}/volume'`,
    "mount -o bind,remount,ro / /",
    "mount -t tmpfs -o ro tmpfs /dev/shm",
    ...mounts,
    // The folder as it is now, and not as it was before something was mounted in it.
    `cd '${cwd}'`,
    // Nothing is shown by a file system that can be written.
    "! touch ./probe 2>/dev/null",
    'exec "$@"',
  ].join(" && ");
  const env = { TMPDIR, HOME: "/nonexistent", [RUN_DIRECTORY]: undefined };
  return new Example("remote-auth.mts", cwd, [], env, "browser", ["unshare", "--mount", "sh", "-c", script, "sh"]);
}

it.runIf(canMount())("a bot links and comes back where only dataPath and TMPDIR can be written", async () => {
  const page = readFileSync(join(root, "docs/deploy/read-only.md"), "utf8");
  for (const name of ["`dataPath`", "`TMPDIR`", "`HOME`", "`/dev/shm`"]) expect(page).toContain(name);
  const cwd = rig.folder();
  const writable = [join(cwd, ".wwebjs_auth"), TMPDIR];
  const first = readOnly(cwd, writable);
  await first.until("remote_session_saved");
  expect(await first.end("SIGTERM")).toEqual([null, "SIGTERM"]);
  const state = await new FileStore({ directory: join(cwd, "volume/sessions") }).state({
    session: "RemoteAuth-support",
  });
  expect(state?.lease).toBeUndefined();

  // Another container: what could be written is empty again.
  const second = readOnly(cwd, writable);
  await second.until("ready");
  expect(second.events).toContain("remote_session_restored");
  expect(second.events).not.toContain("qr");
  await second.end("SIGTERM");
});

it.runIf(canMount())("a bot whose dataPath cannot be written says so, and shows no QR", async () => {
  const cwd = rig.folder();
  mkdirSync(join(cwd, ".wwebjs_auth"));
  const bot = readOnly(cwd, [TMPDIR]);
  expect(await bot.end()).toEqual([1, null]);
  expect(bot.output).toMatch(/code: '(DENIED|UNAVAILABLE)'/);
  expect(bot.output).toContain(".wwebjs_auth");
  expect(bot.events).not.toContain("qr");
});
