// node scripts/count-tests.mjs <report> <exit code>: the servers that a run of vitest was with, and as the last line
// "N passed, N failed[, N skipped]", from its JSON report and the code it ended with. A run that failed otherwise than in
// a test counts as one failed. Exits 1 when anything failed.
import { readFile } from "node:fs/promises";

const [, , path = "", code = "0"] = process.argv;
const { passed, failed, skipped } = await count();
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;

async function count() {
  let report;
  try {
    report = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    console.log(`There is no test report, so the tests did not run to their end (exit code ${code}): ${cause.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  for (const server of serversOf(report)) console.log(`with ${server}`);
  const passed = report.numPassedTests;
  // A file that failed outside its tests counts as one.
  const files = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && assertionResults.every((assertion) => assertion.status !== "failed"),
  );
  for (const { name, message } of files) console.log(`${name}: ${message.split("\n")[0]}`);
  let failed = report.numFailedTests + files.length;
  if (failed === 0 && (code !== "0" || report.success !== true || passed === 0)) {
    console.log(passed === 0 ? "No test passed." : `The run failed outside its tests (exit code ${code}).`);
    failed = 1;
  }
  return { passed, failed, skipped: report.numPendingTests + (report.numTodoTests ?? 0) };
}

/** Suites name the server they had: "MongoDB (mongo: MONGODB_URI)". */
function serversOf({ testResults }) {
  const ran = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === "passed"),
  );
  const titles = ran.flatMap(({ ancestorTitles }) => ancestorTitles);
  return [...new Set(titles.flatMap((title) => /\(([\w-]+: .+)\)$/.exec(title)?.[1] ?? []))].sort();
}
