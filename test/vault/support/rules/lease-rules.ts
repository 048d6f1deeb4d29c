import type { Rule } from "./rule.ts";

/** The rules of leases: they decide when a process tries to take the session. */
export const LEASE_RULES: readonly Rule[] = [];
