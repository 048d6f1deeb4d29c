import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { endSignals } from "../../lib/browser/signals.ts";
import { folder, root } from "./example.ts";
import { plainYaml, type Yaml } from "./plain-yaml.ts";

const deploy = join(folder, "deploy");
/** Longer than the last save and the end of Chromium. */
const GRACE_S = 60;

function read(name: string): string {
  return readFileSync(join(deploy, name), "utf8");
}

/** The value at a path of keys and indexes, e.g. `spec.containers.0.name`. */
function at(value: Yaml, path: string): Yaml | undefined {
  return path.split(".").reduce<Yaml | undefined>((found, key) => {
    return (found as Record<string, Yaml> | undefined)?.[key];
  }, value);
}

describe("the files in examples/deploy", () => {
  it("are named in docs/deployment.md, and linked from the page of their platform", () => {
    const page = readFileSync(join(root, "docs/deployment.md"), "utf8");
    const guides = readdirSync(join(root, "docs/deploy")).map((name) =>
      readFileSync(join(root, "docs/deploy", name), "utf8"),
    );
    for (const name of readdirSync(deploy)) {
      expect(page).toContain(`\`${name}\``);
      expect(guides.join("\n")).toContain(`](../../examples/deploy/${name})`);
    }
  });

  const manifests = readdirSync(deploy).filter((name) => name.startsWith("kubernetes-"));
  it.each(manifests)("%s runs one pod that gets SIGTERM, has time to save, and may wait for its session", (name) => {
    const manifest = plainYaml(read(name));
    const pod = at(manifest, "spec.template.spec") ?? "";
    expect(at(manifest, "spec.replicas")).toBe(1);
    expect(at(manifest, "spec.selector.matchLabels")).toEqual(at(manifest, "spec.template.metadata.labels"));
    expect(at(pod, "terminationGracePeriodSeconds")).toBe(GRACE_S);
    const container = at(pod, "containers.0") ?? "";
    expect(at(container, "command")).toEqual(["node", "bot.mjs"]);
    expect(at(container, "lifecycle")).toBeUndefined();
    expect(at(container, "livenessProbe.httpGet.path")).toBe("/alive");
    for (const probe of ["livenessProbe", "readinessProbe"]) {
      expect(at(container, `${probe}.httpGet.port`)).toBe(at(container, "ports.0.name"));
    }
  });

  it.each(manifests)("%s never lets the old pod and the new one wait for each other", (name) => {
    const manifest = plainYaml(read(name));
    const readiness = at(manifest, "spec.template.spec.containers.0.readinessProbe.httpGet.path");
    const endsFirst = at(manifest, "kind") === "StatefulSet" || at(manifest, "spec.strategy.type") === "Recreate";
    expect(readiness).toBe(endsFirst ? "/ready" : "/alive");
  });

  it("compose.yaml starts node itself, and gives it time to save", () => {
    const bot = at(plainYaml(read("compose.yaml")), "services.bot") ?? "";
    expect(at(bot, "command")).toEqual(["node", "bot.mjs"]);
    expect(at(bot, "stop_grace_period")).toBe(`${GRACE_S}s`);
    expect(at(bot, "restart")).toBe("unless-stopped");
  });

  it("support-bot.service sends SIGTERM to node alone, and gives it time to save", () => {
    const settings = Object.fromEntries(
      [...read("support-bot.service").matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(settings).toMatchObject({ KillMode: "mixed", TimeoutStopSec: String(GRACE_S), Restart: "always" });
    expect(settings.ExecStart).toMatch(/^\/\S+\/node /);
  });

  it("ecosystem.config.cjs signals node alone, and gives it time to save", () => {
    const { apps } = createRequire(import.meta.url)(join(deploy, "ecosystem.config.cjs"));
    expect(apps).toEqual([expect.objectContaining({ kill_timeout: GRACE_S * 1000, treekill: false })]);
  });
});

describe("the files for supervisord and nodemon", () => {
  it("supervisord.conf sends SIGTERM to node alone, and gives it time to save", () => {
    const settings = Object.fromEntries(
      [...read("supervisord.conf").matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(settings).toMatchObject({
      stopsignal: "TERM",
      stopwaitsecs: String(GRACE_S),
      stopasgroup: "false",
      autorestart: "true",
    });
    expect(settings.command).toMatch(/^\/\S+\/node /);
  });

  it("nodemon.json sends a signal that the strategy handles, and does not watch the profile", () => {
    const { signal, ignore } = JSON.parse(read("nodemon.json"));
    expect(endSignals("linux")).toContain(signal);
    expect(ignore).toContain(".wwebjs_auth/");
  });
});

describe("the reader of these files", () => {
  it("refuses what it does not understand", () => {
    expect(plainYaml('a: 1 # one\nb:\n  - c: x\n    d: ["y"]\n  - z\n')).toEqual({
      a: 1,
      b: [{ c: "x", d: ["y"] }, "z"],
    });
    for (const text of ["a: 1\n   b: 2", "a", "a: 1\na: 2", "a:\nb: 1", "a:\t1", "a: {b: 1}", "a: [b"]) {
      expect(() => plainYaml(text), text).toThrow();
    }
  });
});
