import { JsonReporter } from "vitest/node";

/** The file that {@link NamedReport} writes. */
export const REPORT = "WA_VAULT_REPORT";

/** vitest's JSON report, in the file that the environment names: an option of the command line yields to the configuration. */
export default class NamedReport extends JsonReporter {
  constructor() {
    super({ outputFile: process.env[REPORT] ?? ".reports/vitest-named.json" });
  }
}
