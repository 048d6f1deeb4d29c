/** A job for a thread that has nothing to do. */
export const job = { module: import.meta.url, run: () => ({}) };
