import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { folder, root } from "./example.ts";

const read = (name: string): string => readFileSync(join(folder, "deploy", name), "utf8");
const GRACE_S = 60;
/** `finalSaveTimeoutMs`, and as much again for Chromium. */
const LEAST_GRACE_S = 16;

/** The instructions of a Dockerfile, continued lines joined. */
function instructions(text: string): { name: string; value: string }[] {
  const lines = text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n");
  return lines.flatMap((line) => {
    const [, name, value] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      expect(line, "a line of the Dockerfile").toBe("");
      return [];
    }
    return [{ name, value }];
  });
}

describe("Dockerfile", () => {
  const steps = instructions(read("Dockerfile"));
  const at = (pattern: RegExp): number => steps.findIndex(({ name, value }) => pattern.test(`${name} ${value}`));

  it("installs Chromium before npm would download another one, and says where it is", () => {
    expect(at(/^RUN .*apt-get install.* chromium /)).toBeGreaterThan(0);
    expect(at(/^ENV .*PUPPETEER_SKIP_DOWNLOAD=1/)).toBeLessThan(at(/^RUN npm ci/));
    expect(steps[at(/^ENV/)]?.value).toContain("PUPPETEER_EXECUTABLE_PATH=/usr/bin/chromium");
  });

  it("runs node itself, as a user that is not root and may write what a bot writes", () => {
    expect(at(/^USER node$/)).toBeGreaterThan(at(/^RUN install -d -o node .*\.wwebjs_auth .*\.wwebjs_cache/));
    const last = steps.at(-1);
    expect(last?.name).toBe("CMD");
    expect(JSON.parse(last?.value ?? "")).toEqual(["node", "bot.mjs"]);
  });
});

describe("the files for ECS", () => {
  const task = JSON.parse(read("ecs-task-definition.json"));
  const service = JSON.parse(read("ecs-service.json"));

  it("start node itself with an init, and give it time to save, as far as Fargate allows", () => {
    const [bot, ...more] = task.containerDefinitions;
    expect(more).toEqual([]);
    expect(bot).toMatchObject({ command: ["node", "bot.mjs"], stopTimeout: GRACE_S, essential: true });
    expect(bot.linuxParameters).toEqual({ initProcessEnabled: true });
    expect(bot.stopTimeout).toBeGreaterThanOrEqual(LEAST_GRACE_S);
    expect(bot.stopTimeout).toBeLessThanOrEqual(120);
    expect(bot.healthCheck.command.join(" ")).toContain("/alive");
    expect(JSON.stringify(task)).not.toMatch(/AWS_SECRET|"WA_VAULT_KEY","value"/);
  });

  it("run one task, and end it before the next one starts", () => {
    expect(service).toMatchObject({ desiredCount: 1, taskDefinition: task.family });
    expect(service.deploymentConfiguration).toEqual({ minimumHealthyPercent: 0, maximumPercent: 100 });
    expect(service.availabilityZoneRebalancing).toBe("DISABLED");
  });
});

it("fly.toml sends SIGTERM, gives time to save, and has nothing that stops a machine or starts a second one", () => {
  const fly = parseToml(read("fly.toml"));
  expect(fly.kill_signal).toBe("SIGTERM");
  const [, seconds = "0"] = /^(\d+)s$/.exec(String(fly.kill_timeout)) ?? [];
  expect(Number(seconds)).toBeGreaterThanOrEqual(LEAST_GRACE_S);
  expect(Number(seconds)).toBeLessThanOrEqual(300);
  expect(fly.deploy).toEqual({ strategy: "immediate" });
  expect(fly.checks).toMatchObject({ alive: { path: "/alive" } });
  for (const name of ["http_service", "services", "mounts"]) expect(fly).not.toHaveProperty(name);
});

it("compose.yaml builds the image of the Dockerfile, with room for Chromium's shared memory and an init", () => {
  const [{ services } = { services: {} }] = parseAllDocuments(read("compose.yaml")).map((document) => document.toJS());
  expect(services.bot).toMatchObject({ build: ".", init: true, shm_size: "1gb", command: ["node", "bot.mjs"] });
});

describe("the guides", () => {
  const pages = readdirSync(join(root, "docs/deploy")).map((name) => `deploy/${name}`);
  const texts = ["deployment.md", "backups.md", ...pages].map((name) => {
    return [name, readFileSync(join(root, "docs", name), "utf8")] as const;
  });

  it.each(texts)("%s has code that can be read by what it is for", (_, text) => {
    for (const [, language = "", code = ""] of text.matchAll(/```(\w+)\n(.*?)```/gs)) {
      if (language === "json") JSON.parse(code);
      else if (language === "toml") parseToml(code);
      else if (language === "yaml") for (const document of parseAllDocuments(code)) expect(document.errors).toEqual([]);
      else expect(["sh", "js", "ini"]).toContain(language);
    }
  });

  it.each(pages)("%s is named in deployment.md", (page) => {
    expect(texts[0]?.[1]).toContain(`](${page})`);
  });

  it("say of each grace period what the file has", () => {
    const said = texts.flatMap(([name, text]) =>
      [
        ...text.matchAll(/(?:stopTimeout: |stop_grace_period: |kill_timeout = "|TimeoutStopSec=|stopwaitsecs=)(\d+)/g),
      ].map(([, seconds]) => ({ name, seconds: Number(seconds) })),
    );
    expect(said.length).toBeGreaterThan(4);
    for (const { name, seconds } of said) expect(seconds, name).toBe(GRACE_S);
  });
});
