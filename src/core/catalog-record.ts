import * as v from "valibot";
import { parseStored } from "./stored-json.ts";

/**
 * A signed repository as a host keeps it between two commands: one file, so that it is there or it
 * is not. Nothing in it is trusted: who reads it verifies it again.
 *
 * @see docs/formats/store.md
 */
export interface CatalogRecord {
  readonly version: 1;
  /** The texts of the signed files, byte by byte; of the roots all that follow the trusted one. */
  readonly roots: readonly string[];
  readonly timestamp: string;
  readonly snapshot: string;
  readonly targets: string;
  readonly catalog: string;
  /** Where they came from: a URL or a folder. */
  readonly source: string;
  /** RFC 3339, UTC: when they were last found to be the newest there are. */
  readonly checked_at: string;
}

/** No record is larger: a catalog of 16 MiB in which every other character is escaped, and its signatures. */
export const maxCatalogRecordBytes: number = 40 * 2 ** 20;

const schema = v.object({
  version: v.literal(1),
  roots: v.array(v.string()),
  timestamp: v.string(),
  snapshot: v.string(),
  targets: v.string(),
  catalog: v.string(),
  source: v.string(),
  checked_at: v.string(),
});

/** @throws {BangerError} `bad-state`, when `json` is no such record. */
export function parseCatalogRecord(json: string, origin: string): CatalogRecord {
  return parseStored(schema, json, origin, "fetch it again: banger catalog update");
}
