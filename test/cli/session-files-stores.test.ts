import { join } from "node:path";
import { expect, it } from "vitest";
import { assertSameFiles, filesIn, linkedProfileFiles, writeFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { type AddressOf, onEachStore } from "./support/each-store.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
const files = linkedProfileFiles("5511988887777");

/** From a profile into the store, into a file, into the store again under another name, and to a profile. */
function takesSessions(addressOf: AddressOf): void {
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

await onEachStore(takesSessions);
