import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
let address: string;

beforeEach(async () => {
  const directory = join(folder(), "sessions");
  address = `file:${directory}`;
  const store = new FileStore({ directory });
  for (const session of ["RemoteAuth-support", "RemoteAuth-sales"]) {
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, capture: captureOf(profileFiles(session)), lease });
    await lease.release();
  }
});

describe("wa-vault ls", () => {
  it("lists the sessions of a store, by name", async () => {
    const { code, stdout, stderr } = await runCli(["ls", "--store", address]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [titles, ...rows] = stdout.trimEnd().split("\n");
    expect(titles).toMatch(/^SESSION +KIND +SAVED +SIZE +GEN$/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
      ["RemoteAuth-sales", "browser"],
      ["RemoteAuth-support", "browser"],
    ]);
  });

  it("fits into a narrow terminal, and cuts nothing off", async () => {
    const { code, stdout } = await runCli(["ls", "--store", address], { columns: 40 });
    expect(code).toBe(0);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(stdout).toContain("RemoteAuth-support\n  kind: browser\n");
  });

  it("prints JSON for scripts", async () => {
    const { json } = await runCli(["ls", "--store", address, "--json"]);
    expect(json()).toMatchObject({
      store: address,
      sessions: [{ session: "RemoteAuth-sales", kind: "profile" }, { session: "RemoteAuth-support" }],
    });
  });
});
