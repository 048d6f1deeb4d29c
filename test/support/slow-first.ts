import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files with whole browsers, bots, machines, processes that are killed, slow servers and long looks. */
const SLOW =
  /^test[\\/](?:adapters[\\/](?:mongo|s3)|address[\\/]away|auth[\\/]scenarios[\\/](?:destroyed|ladder|shared-profile|start-again|storage-forms)|baileys[\\/]migration[\\/]kills|bench|browser[\\/]profile-lock|cli[\\/](?:interrupts|kills|link-|on-each)|e2e|examples|faults|neighbours|package|torture|vault[\\/]scenarios[\\/]threads)\b/;

/**
 * Begins with the slow files: without a cache of earlier times vitest goes by size, and these are small, so that the run
 * would end with one long file on one core. Files with a process to themselves come last: a shared worker ends when the
 * next file in line is one of them.
 */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => SLOW.test(relative(this.ctx.config.root, moduleId));
    const shared = sorted.filter(({ project }) => !project.config.isolate);
    const alone = sorted.filter(({ project }) => project.config.isolate);
    return [...shared.filter(isSlow), ...shared.filter((file) => !isSlow(file)), ...alone];
  }
}
