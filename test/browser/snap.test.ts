import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { noBrowserWarning, snapWarning } from "../../lib/browser/snap.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();
let folder: string;
const hidden = join(homedir(), "bot/.wwebjs_auth/session-x");

beforeEach(() => {
  folder = newFolder();
  vi.stubEnv("PUPPETEER_EXECUTABLE_PATH", undefined);
});
afterEach(() => void vi.unstubAllEnvs());

/** Ubuntu's script, in short. */
function ubuntuScript(): string {
  const path = join(folder, "chromium-browser");
  writeFileSync(path, '#!/bin/sh\nif ! [ -x /snap/bin/chromium ]; then exit 1; fi\nexec /snap/bin/chromium "$@"\n');
  chmodSync(path, 0o755);
  return path;
}

function linkTo(target: string): string {
  const path = join(folder, "link");
  symlinkSync(target, path);
  return path;
}

describe("snapWarning", () => {
  it.each([
    ["a program of a snap", () => "/snap/bin/chromium"],
    ["the program in a snap", () => "/snap/chromium/current/usr/lib/chromium-browser/chrome"],
    ["a link to it", () => linkTo("/snap/bin/chromium")],
    ["a link to the runner of snaps", () => linkTo("/usr/bin/snap")],
    ["Ubuntu's script", ubuntuScript],
    ["a link to Ubuntu's script", () => linkTo(ubuntuScript())],
  ])("names the folder, for %s", (_name, make) => {
    const executablePath = make();
    expect(snapWarning({ executablePath }, hidden)).toMatch(
      `The browser ${executablePath} is a snap, and the profile ${hidden} lies in a hidden folder: it may not be able to write`,
    );
  });

  it("knows the browser by puppeteer's variable as well", () => {
    vi.stubEnv("PUPPETEER_EXECUTABLE_PATH", "/snap/bin/chromium");
    expect(snapWarning({}, hidden)).toMatch(/is a snap/);
  });

  it.each([
    [join(homedir(), ".bots/session"), /lies in a hidden folder/],
    [join(tmpdir(), "session"), /lies outside of the home folder/],
    ["/srv/bot/session", /lies outside of the home folder/],
    [`${homedir()}-other/session`, /lies outside of the home folder/],
  ])("is given for %s", (dir, why) => {
    expect(snapWarning({ executablePath: "/snap/bin/chromium" }, dir)).toMatch(why);
  });

  it.each([
    join(homedir(), "bot/sessions/session-x"),
    join(homedir(), "snap/chromium/common/bot/session-x"),
    join(homedir(), "snap/chromium/common/.bot/session-x"),
  ])("is not given for %s", (dir) => {
    expect(snapWarning({ executablePath: "/snap/bin/chromium" }, dir)).toBeUndefined();
  });

  it("is not given for another browser", () => {
    const script = join(folder, "chromium");
    writeFileSync(script, "#!/bin/sh\n# not /snap/bin/chromium\nexec /usr/lib/chromium/chromium\n");
    for (const executablePath of [script, folder, join(folder, "absent"), linkTo("/nowhere"), "/usr/bin/chromium"]) {
      expect(snapWarning({ executablePath }, hidden)).toBeUndefined();
    }
    expect(snapWarning(undefined, hidden)).toBeUndefined();
  });
});

describe("noBrowserWarning", () => {
  const running = new Error(
    "The browser is already running for /x. Use a different `userDataDir` or stop the running browser first.",
  );

  it.each([
    running,
    new Error("Failed to launch the browser process: Code: 21\n\nstderr:\n"),
    new Error("Failed to create a ProcessSingleton for your profile directory."),
  ])("says that no browser runs: %s", async (error) => {
    expect(await noBrowserWarning(error, folder, {})).toMatch(
      `No browser of this machine has the profile ${folder} open`,
    );
    expect(await noBrowserWarning(error, folder, { executablePath: "/snap/bin/chromium" })).toMatch(/is a snap/);
  });

  it("says nothing when one runs, or of another error", async () => {
    expect(await noBrowserWarning(new Error("Code: 127"), folder, {})).toBeUndefined();
    expect(await noBrowserWarning("auth timeout", folder, {})).toBeUndefined();
    const child = await import("node:child_process").then(({ spawn }) =>
      spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", `--user-data-dir=${folder}`]),
    );
    try {
      symlinkSync(`${hostname()}-${child.pid}`, join(folder, "SingletonLock"));
      expect(await noBrowserWarning(running, folder, {})).toBeUndefined();
    } finally {
      child.kill("SIGKILL");
    }
  });
});
