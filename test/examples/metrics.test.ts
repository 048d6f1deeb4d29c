import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exitOf } from "../support/child-exit.ts";
import { scratchFolder } from "../support/scratch.ts";
import { compiledHere, folder, root, scriptOf } from "./example.ts";
import { plainYaml } from "./plain-yaml.ts";

/** Runs a life of sessions under an example. @returns what it has written, and what it has served */
async function run(name: string): Promise<{ output: string; served: { type: string; text: string } | undefined }> {
  const child = fork(join(compiledHere(), "observed-life.js"), [scriptOf(name)], {
    cwd: scratchFolder("metrics-"),
    env: { ...process.env, METRICS_PORT: "0" },
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  let served: { type: string; text: string } | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      output += chunk;
    });
  }
  child.on("message", (message) => {
    served = message as { type: string; text: string };
  });
  expect(await exitOf(child), output).toEqual([0, null]);
  return { output, served };
}

/** What a page of metrics tells: by the name of each family its type, labels and samples. */
class Page {
  readonly types: Map<string, string> = new Map();
  /** By the name of a series, histograms' ones included, the labels that it has. */
  readonly labels: Map<string, Set<string>> = new Map();
  readonly samples: Map<string, number> = new Map();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const [, family, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
      if (family !== undefined && type !== undefined) this.types.set(family, type);
      const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined || line.startsWith("#")) continue;
      const known = this.labels.get(name) ?? new Set();
      for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) known.add(label);
      this.labels.set(name, known);
      this.samples.set(`${name}{${labels}}`, Number(value));
    }
  }
}

/** The metrics that an expression of PromQL names, with the labels that it uses. */
function usesOf(expression: string): { names: string[]; labels: string[] } {
  const names = [...expression.matchAll(/\bwa_vault_\w+/g)].map(([name]) => name);
  const matched = [...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = ""]) =>
    [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
  );
  const grouped = [...expression.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, list = ""]) =>
    list.split(",").map((label) => label.trim()),
  );
  return { names, labels: [...matched, ...grouped] };
}

/** What Prometheus adds to each series. */
const ADDED = ["instance", "job"];

let page: Page;
let type: string | undefined;
let opentelemetry: string;

beforeAll(async () => {
  const { served } = await run("metrics-prometheus.mts");
  type = served?.type;
  page = new Page(served?.text ?? "");
  opentelemetry = (await run("metrics-opentelemetry.mts")).output;
});

function expectKnown(expression: string): void {
  const { names, labels } = usesOf(expression);
  expect(names, expression).not.toEqual([]);
  for (const name of names) expect([...page.labels.keys()], expression).toContain(name);
  const known = new Set([...ADDED, ...names.flatMap((name) => [...(page.labels.get(name) ?? [])])]);
  for (const label of labels) expect([...known], expression).toContain(label);
}

describe("the example for Prometheus", () => {
  it("serves what has happened, in the text format", () => {
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    const of = 'session="RemoteAuth-support",store="memory"';
    expect(page.samples.get(`wa_vault_saves_total{${of},result="saved"}`)).toBe(1);
    expect(page.samples.get(`wa_vault_saves_total{${of},result="unchanged"}`)).toBe(1);
    expect(page.samples.get(`wa_vault_saves_total{session="Baileys-bot",store="memory",result="saved"}`)).toBe(1);
    expect(page.samples.get(`wa_vault_lease_held{${of}}`)).toBe(1);
    expect(page.samples.get(`wa_vault_last_save_timestamp_seconds{${of}}`)).toBeGreaterThan(1_600_000_000);
    expect(page.samples.get(`wa_vault_sent_bytes_total{${of}}`)).toBeGreaterThan(0);
    expect(page.samples.get(`wa_vault_restore_skipped_generations{${of}}`)).toBe(0);
    expect(page.samples.get(`wa_vault_errors_total{${of},operation="restore",code="INVALID"}`)).toBe(1);
    expect(page.samples.get('wa_vault_restore_duration_seconds_count{store="memory"}')).toBe(1);
  });

  it("shows a lost lease and a refused session, and no age of a session that it does not hold", () => {
    const of = 'session="RemoteAuth-lost",store="memory"';
    expect(page.samples.get(`wa_vault_lease_changes_total{${of},change="lost"}`)).toBe(1);
    expect(page.samples.get(`wa_vault_session_refused{${of}}`)).toBe(1);
    expect(page.samples.has(`wa_vault_last_save_timestamp_seconds{${of}}`)).toBe(false);
  });

  it("names metrics as Prometheus asks: base units, and `_total` for counters alone", () => {
    const own = [...page.types].filter(([name]) => name.startsWith("wa_vault_"));
    expect(own.length).toBeGreaterThan(8);
    for (const [name, kind] of own) {
      expect(name).toMatch(/^wa_vault_[a-z]+(_[a-z]+)*$/);
      expect(name).not.toMatch(/_(ms|milliseconds|kilobytes|mb|minutes)(_|$)/);
      expect(name.endsWith("_total"), name).toBe(kind === "counter");
      if (kind === "histogram") expect(name).toMatch(/_seconds$/);
    }
  });
});

describe("the example for OpenTelemetry", () => {
  it("exports durations in seconds, bytes, ages and errors when the process ends", () => {
    for (const name of ["operation.duration", "save.sent", "save.age", "lease.changes", "errors"]) {
      expect(opentelemetry).toContain(`wa_vault.${name}`);
    }
    expect(opentelemetry).toMatch(/unit: ['"]s['"]/);
    expect(opentelemetry).toMatch(/unit: ['"]By['"]/);
    expect(opentelemetry).toMatch(/['"]error\.type['"]: ['"]LEASE_LOST['"]/);
  });
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig: { readonly defaults: { readonly unit: string } };
  readonly targets: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

describe("the dashboard for Grafana", () => {
  const dashboard = JSON.parse(readFileSync(join(folder, "grafana-dashboard.json"), "utf8")) as {
    readonly title: string;
    readonly uid: string;
    readonly schemaVersion: number;
    readonly templating: { readonly list: readonly { name: string; type: string; query: unknown }[] };
    readonly panels: readonly Panel[];
  };
  const { panels, templating } = dashboard;

  it("has the shape that Grafana imports, and a data source to choose", () => {
    expect(dashboard).toMatchObject({ title: "wa-vault", uid: "wa-vault" });
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    // A dashboard of one installation has an id; an import fails where another one has it.
    expect(dashboard).not.toHaveProperty("id");
    const source = templating.list.find(({ type: kind }) => kind === "datasource");
    expect(source).toMatchObject({ name: "datasource", query: "prometheus" });
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { datasource, targets, title, type: kind } of panels) {
      expect(["stat", "timeseries"], title).toContain(kind);
      expect(datasource, title).toEqual({ type: "prometheus", uid: `\${datasource}` });
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });

  it("has panels beside one another, within 24 columns", () => {
    const cells = new Set<string>();
    for (const { gridPos, title } of panels) {
      const { x, y, w, h } = gridPos;
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++) {
        for (let row = y; row < y + h; row++) {
          const cell = `${column} ${row}`;
          expect(cells.has(cell), `${title} lies on another panel`).toBe(false);
          cells.add(cell);
        }
      }
    }
  });

  it("asks for metrics and labels that the example has, in the units of the panels", () => {
    const variables = new Set(templating.list.map(({ name }) => name));
    for (const { targets, title, fieldConfig } of panels) {
      expect(targets.length, title).toBeGreaterThan(0);
      expect(fieldConfig.defaults.unit, title).toMatch(/^(s|Bps|ops|none|short)$/);
      for (const { expr, legendFormat } of targets) {
        expectKnown(expr);
        for (const [, name = ""] of expr.matchAll(/\$(\w+)/g)) {
          expect(variables.has(name) || /^__(rate_interval|range)$/.test(name), expr).toBe(true);
        }
        const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
        for (const label of shown) expectKnown(`sum by (${label}) (${expr})`);
        expect(/duration|timestamp/.test(expr), title).toBe(fieldConfig.defaults.unit === "s");
        expect(/bytes/.test(expr), title).toBe(fieldConfig.defaults.unit === "Bps");
      }
    }
    for (const { query, name } of templating.list) if (name !== "datasource") expectKnown(JSON.stringify(query));
  });
});

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

describe("the alerts for Prometheus", () => {
  const path = join(folder, "prometheus-alerts.yaml");
  const [group, ...others] = (plainYaml(readFileSync(path, "utf8")) as unknown as { groups: { rules: Alert[] }[] })
    .groups;
  const rules = group?.rules ?? [];

  it("ask for metrics and labels that the example has, and say what is wrong with which session", () => {
    expect(others).toEqual([]);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, expr, labels, annotations } of rules) {
      expectKnown(expr);
      expect(labels.severity, alert).toMatch(/^(page|warn)$/);
      const shown = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
      expect(shown, alert).toContain("session");
      for (const label of shown) expectKnown(`sum by (${label}) (${expr})`);
    }
  });

  it("are each explained in docs/observability.md", () => {
    const page = readFileSync(join(root, "docs/observability.md"), "utf8");
    for (const { alert } of rules) expect(page).toContain(`\`${alert}\``);
    for (const [, alert = ""] of page.matchAll(/`(WaVault\w+)`/g)) {
      // The name of the package's warnings.
      if (alert === "WaVaultWarning") continue;
      expect(rules.map((rule) => rule.alert)).toContain(alert);
    }
  });
});
