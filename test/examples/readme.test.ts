import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useRig } from "../support/rig.ts";
import { Example, placeCode, root } from "./example.ts";

const rig = useRig();

describe("the README", () => {
  it("begins with a bot that comes back without its machine", async () => {
    const code = /```js\n(.*?)```/s.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] ?? "";
    const cwd = rig.folder();
    const file = placeCode(cwd, "bot", code);
    const first = new Example(file, cwd);
    await first.until("remote_session_saved");
    expect(await first.end("SIGTERM")).toEqual([null, "SIGTERM"]);
    expect(first.output).toContain("▄");
    rmSync(join(cwd, ".wwebjs_auth"), { recursive: true });
    const second = new Example(file, cwd);
    await second.until("ready");
    expect(second.events).not.toContain("qr");
    await second.end("SIGTERM");
  });
});
