import type { RoleName } from "./repository.ts";

/**
 * How many days new metadata is good for. What people sign lasts, what machines sign does not: a stolen
 * timestamp key can hold a host back for as long as the snapshot is good, and no longer.
 */
export const lifetimeDays: Readonly<Record<RoleName, number>> = {
  root: 365,
  targets: 90,
  snapshot: 7,
  timestamp: 2,
};
