import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useFolder } from "../folder.ts";
import { identify, isAlive, untilGone } from "../process-tree.ts";
import { findInstalled } from "./path.ts";
import { freePort, isFree, listensOn } from "./ports.ts";
import { direct } from "./programs.ts";
import { type LaunchPlan, launch, standsStill } from "./service.ts";

const newFolder = useFolder();
let root: string;
beforeEach(() => {
  root = newFolder();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A server of a few lines: `port` and `root` are there. It notes each start in `<root>/starts`. */
function plan(script: string): LaunchPlan {
  const common = `const { appendFileSync, existsSync, readFileSync } = require("node:fs");
    const { spawnSync } = require("node:child_process");
    const [port, root] = [Number(process.argv[1]), process.argv[2]];
    const listen = () => require("node:net").createServer().listen(port, "127.0.0.1");
    appendFileSync(root + "/starts", port + "\\n");`;
  return {
    name: "small",
    program: direct(process.execPath, "small: node"),
    args: ({ port }) => ["-e", `${common}${script}`, String(port), root],
    address: (port) => ({ SMALL: `127.0.0.1:${port}` }),
    root,
  };
}

const starts = (): number[] => readFileSync(join(root, "starts"), "utf8").trim().split("\n").map(Number);

describe("starting a server", () => {
  it("answers when it does, and leaves nothing when it is stopped", async () => {
    const service = await launch(plan("listen();"));
    expect(service.env).toEqual({ SMALL: `127.0.0.1:${service.port}` });
    expect(listensOn(service.pid, service.port)).toBe(true);
    await service.kill();
    expect(await isFree(service.port)).toBe(true);
    await service.restart();
    await service.stop();
    expect(readdirSync(root)).toEqual(["starts"]);
  });

  it("says why it ended, with the last lines of its log, and does not try in vain", async () => {
    const failing = launch(plan('for (let i = 0; i < 9; i++) console.log("line " + i); process.exitCode = 3;'));
    await expect(failing).rejects.toThrow(
      "small did not start: exit code 3: line 4 | line 5 | line 6 | line 7 | line 8",
    );
    expect(starts()).toHaveLength(1);
    expect(readdirSync(root)).toEqual(["starts"]);
  });

  it.runIf(findInstalled("setpriv") !== undefined)(
    "ends a server with the process that has started it, however that ends",
    async () => {
      const source = `import { launch } from ${JSON.stringify(join(import.meta.dirname, "service.ts"))};
      import { direct } from ${JSON.stringify(join(import.meta.dirname, "programs.ts"))};
      const args = ({ port }) => ["-e", "require('node:net').createServer().listen(" + port + ", '127.0.0.1')"];
      const program = direct(process.execPath, "node");
      const { pid } = await launch({ name: "small", program, args, address: () => ({}), root: ${JSON.stringify(root)} });
      process.stdout.write(String(pid));
      setInterval(() => {}, 1000);`;
      const starter = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [said] = await once(starter.stdout, "data");
      const server = identify(Number(String(said)));
      expect(isAlive(server)).toBe(true);
      starter.kill("SIGKILL");
      await untilGone(server);
      expect(isAlive(server)).toBe(false);
    },
  );

  it("says why it could not be run at all", async () => {
    const none = { ...plan(""), program: direct(join(root, "none"), "none") };
    await expect(launch(none)).rejects.toThrow(/small did not start: spawn .*ENOENT/);
  });

  it("takes another port when somebody took that one, and is not deceived by who answers there", async () => {
    // The first start finds that a process which is none of its own is faster, and answers as a server of this kind would.
    const squatter =
      'require("node:net").createServer().listen(+process.argv[1], "127.0.0.1", () => console.log(process.pid))';
    const service = await launch(
      plan(`if (!existsSync(root + "/squatter")) {
          spawnSync("sh", ["-c", '"$0" -e "$1" "$2" > "$3" &', process.execPath, ${JSON.stringify(squatter)}, String(port), root + "/squatter"], { stdio: "ignore" });
          while (!existsSync(root + "/squatter") || readFileSync(root + "/squatter", "utf8") === "");
        }
        listen();`),
    );
    const squatterPid = Number(readFileSync(join(root, "squatter"), "utf8"));
    try {
      const [first] = starts();
      expect(starts()).toHaveLength(2);
      expect(service.port).not.toBe(first);
      expect(listensOn(squatterPid, first ?? 0)).toBe(true);
      expect(listensOn(service.pid, service.port)).toBe(true);
    } finally {
      process.kill(squatterPid, "SIGKILL");
      await service.stop();
    }
  });

  it("tells when a server ends that nobody stopped", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const service = await launch(plan('console.log("out of memory"); listen();'));
    process.kill(service.pid, "SIGKILL");
    await vi.waitFor(() => expect(said).toHaveBeenCalled(), 240_000);
    expect(said).toHaveBeenCalledWith("services: small ended by itself: killed by SIGKILL: out of memory");
    await service.stop();
  });
});

describe("a server that is paused", () => {
  it("stands still until it is resumed", async () => {
    const service = await launch(plan("listen();"));
    await service.pause();
    expect(standsStill(`/proc/${service.pid}/task`)).toBe(true);
    service.resume();
    await service.stop();
  });

  it("stands still when all threads do that have not ended meanwhile", () => {
    const thread = (id: string, state: string): void => {
      mkdirSync(join(root, id));
      if (state !== "") writeFileSync(join(root, id, "stat"), `${id} (a name) ${state} 1 1`);
    };
    thread("1", "T");
    thread("2", "");
    expect(standsStill(root)).toBe(true);
    thread("3", "S");
    expect(standsStill(root)).toBe(false);
  });
});

describe("a free port", () => {
  it("is none that the system gives to connections", async () => {
    const port = await freePort();
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_000);
  });
});
