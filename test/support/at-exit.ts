let works: (() => void)[] | undefined;

/** Does `work` when the process exits; all of it in one listener, since Node.js takes eleven for a leak. */
export function atExit(work: () => void): void {
  if (works === undefined) {
    works = [];
    process.once("exit", () => {
      for (const each of works ?? []) each();
    });
  }
  works.push(work);
}
