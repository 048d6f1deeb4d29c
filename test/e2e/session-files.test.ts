import { join } from "node:path";
import { expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { phoneOfProfile } from "../../lib/copy-session/phone.ts";
import { runCli } from "../cli/support/run-cli.ts";
import { storageForms, writesSoon } from "../support/chromium.ts";
import { isLong } from "../support/length.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { useRig } from "../support/rig.ts";
import { whatsapp } from "../support/whatsapp.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

// In `npm test` the older form: test/e2e/local-auth.test.ts opens the other one.
it.each(Object.entries(storageForms).filter(([form]) => isLong || form === "LevelDB"))(
  "a session of the shipped LocalAuth (%s) goes through a store, a file and another store, and is ready without a QR",
  async (_, form) => {
    const { LocalAuth } = whatsapp("1.34.7");
    const [root, dataPath] = [rig.folder(), rig.folder()];
    const first = rig.open({
      version: "1.34.7",
      authStrategy: new LocalAuth({ dataPath, clientId: "desk" }),
      puppeteer: { args: [...form, ...writesSoon] },
    });
    await first.until("qr");
    await first.phone.pair();
    await first.until("ready");
    await localStorageOnDisk(dataPath);
    const { sequence } = await first.phone.write();
    const profile = join(dataPath, "session-desk");
    const [one, two] = ["one", "two"].map((name) => `file:${join(root, name)}`) as [string, string];
    const open = await runCli(["push", profile, "support", "--store", one]);
    expect(open).toMatchObject({ code: 6, stderr: expect.stringContaining("is open in") });
    await first.close();

    const file = join(root, "support.wavault");
    const env = { WA_VAULT_FILE_PASSPHRASE: "correct horse battery" };
    for (const args of [
      ["push", profile, "support", "--store", one],
      ["export", "support", file, "--store", one],
      ["import", file, "--store", two],
      ["pull", "support", join(root, "data"), "--form", "local-auth", "--store", two],
    ]) {
      expect(await runCli(args, { env }), args.join(" ")).toMatchObject({ code: 0, stderr: "" });
    }
    const into = join(root, "restored");
    await new FileStore({ directory: join(root, "two") }).restoreProfile({ session: "RemoteAuth-support", into });
    expect(await phoneOfProfile(into, undefined)).toMatch(/^\d{8,}$/);
    const second = rig.open({
      version: "1.34.7",
      authStrategy: new LocalAuth({ dataPath: join(root, "data"), clientId: "support" }),
      puppeteer: { args: form },
    });
    await second.until("ready");
    expect(second.count("qr")).toBe(0);
    expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  },
);
