// Metrics of all sessions of a process, for Prometheus: `node --import ./metrics-prometheus.mjs bot.mjs`, and a scrape of port
// 9464. grafana-dashboard.json beside this file shows them, and prometheus-alerts.yaml has the alerts.
import { createServer } from "node:http";
import { Counter, Gauge, Histogram, register } from "prom-client";
import { onVaultEvent } from "wa-vault";

// Each session has some ten series; the histograms, with as many series as buckets, know no sessions.
const of = (...more: string[]) => ({ help: "See docs/observability.md.", labelNames: ["session", "store", ...more] });
const times = {
  help: "See docs/observability.md.",
  labelNames: ["store"],
  buckets: [0.1, 0.3, 1, 3, 10, 30, 100, 300],
};
const saves = new Counter({ name: "wa_vault_saves_total", ...of("result") });
const lastSave = new Gauge({ name: "wa_vault_last_save_timestamp_seconds", ...of() });
const sent = new Counter({ name: "wa_vault_sent_bytes_total", ...of() });
const saveTime = new Histogram({ name: "wa_vault_save_duration_seconds", ...times });
const restoreTime = new Histogram({ name: "wa_vault_restore_duration_seconds", ...times });
const skips = new Gauge({ name: "wa_vault_restore_skipped_generations", ...of() });
const held = new Gauge({ name: "wa_vault_lease_held", ...of() });
const changes = new Counter({ name: "wa_vault_lease_changes_total", ...of("change") });
const refused = new Gauge({ name: "wa_vault_session_refused", ...of() });
const fails = new Counter({ name: "wa_vault_errors_total", ...of("operation", "code") });

onVaultEvent("wa-vault:save", ({ session, store, ms, unchanged, bytesSent }) => {
  saves.inc({ session, store, result: unchanged ? "unchanged" : "saved" });
  lastSave.setToCurrentTime({ session, store });
  sent.inc({ session, store }, bytesSent);
  saveTime.observe({ store }, ms / 1000);
  refused.set({ session, store }, 0);
});
onVaultEvent("wa-vault:restore", ({ session, store, ms, skipped }) => {
  restoreTime.observe({ store }, ms / 1000);
  skips.set({ session, store }, skipped.length);
});
onVaultEvent("wa-vault:records", ({ session, store, change }) => {
  if (change === "set") saves.inc({ session, store, result: "saved" });
});
onVaultEvent("wa-vault:lease", ({ session, store, change }) => {
  changes.inc({ session, store, change });
  if (change === "acquired") held.set({ session, store }, 1);
  if (change === "lost" || change === "released") for (const one of [held, lastSave]) one.remove({ session, store });
});
onVaultEvent("wa-vault:link", ({ session, store, wasStored }) => refused.set({ session, store }, Number(wasStored)));
onVaultEvent("wa-vault:error", ({ session, store, operation, code }) => fails.inc({ session, store, operation, code }));

createServer(async (_, response) => {
  response.setHeader("content-type", register.contentType).end(await register.metrics());
})
  .listen(Number(process.env.METRICS_PORT ?? 9464))
  .unref();
