// Metrics of all sessions of a process, for OpenTelemetry: `node --import ./metrics-opentelemetry.mjs bot.mjs`. The exporter
// here writes to the console: put the OTLP one of `@opentelemetry/exporter-metrics-otlp-proto` in its place.
import { metrics } from "@opentelemetry/api";
import { ConsoleMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { onVaultEvent } from "wa-vault";

const reader = new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter() });
const provider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(provider);
process.once("beforeExit", () => provider.shutdown());

// Durations are in seconds, as in OpenTelemetry's conventions, and errors are known by `error.type`.
const meter = metrics.getMeter("wa-vault");
const boundaries = { advice: { explicitBucketBoundaries: [0.1, 0.3, 1, 3, 10, 30, 100, 300] } };
const duration = meter.createHistogram("wa_vault.operation.duration", { unit: "s", ...boundaries });
const sent = meter.createCounter("wa_vault.save.sent", { unit: "By" });
const skipped = meter.createCounter("wa_vault.restore.skipped", { unit: "{generation}" });
const leases = meter.createCounter("wa_vault.lease.changes", { unit: "{change}" });
const links = meter.createCounter("wa_vault.links", { unit: "{link}" });
const age = meter.createObservableGauge("wa_vault.save.age", { unit: "s" });
const errors = meter.createCounter("wa_vault.errors", { unit: "{error}" });
const saved = new Map<string, number>();
age.addCallback((result) => {
  for (const [session, at] of saved) result.observe((Date.now() - at) / 1000, { "wa_vault.session": session });
});

onVaultEvent("wa-vault:save", ({ session, store, ms, bytesSent }) => {
  duration.record(ms / 1000, { "wa_vault.operation": "save", "wa_vault.store": store });
  sent.add(bytesSent, { "wa_vault.session": session });
  saved.set(session, Date.now());
});
onVaultEvent("wa-vault:restore", ({ session, store, ms, skipped: { length } }) => {
  duration.record(ms / 1000, { "wa_vault.operation": "restore", "wa_vault.store": store });
  if (length > 0) skipped.add(length, { "wa_vault.session": session });
});
onVaultEvent("wa-vault:lease", ({ session, change }) => {
  leases.add(1, { "wa_vault.session": session, "wa_vault.change": change });
  if (change === "lost" || change === "released") saved.delete(session);
});
onVaultEvent("wa-vault:link", ({ session, wasStored, next }) => {
  links.add(1, { "wa_vault.session": session, "wa_vault.stored": wasStored, "wa_vault.next": next });
});
onVaultEvent("wa-vault:error", ({ session, operation, code }) => {
  errors.add(1, { "wa_vault.session": session, "wa_vault.operation": operation, "error.type": code });
});
