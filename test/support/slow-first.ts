import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Where each file takes a minute or more: whole browsers, bots and machines. */
const SLOW = /^test[\\/](?:bench|e2e|examples|neighbours|package|torture)[\\/]/;

/**
 * Begins with the slow files: without a cache of earlier times vitest goes by size, and these are small, so that the run
 * would end with one long file on one core.
 */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => SLOW.test(relative(this.ctx.config.root, moduleId));
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}
