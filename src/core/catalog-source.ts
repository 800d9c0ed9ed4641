import * as v from "valibot";
import { type CatalogName, isCatalogName } from "./kernel-name.ts";
import { parseStored } from "./stored-json.ts";

/**
 * A catalog that was added: where its signed repository is, and the root that it is verified by.
 *
 * @see docs/formats/store.md
 */
export interface CatalogSource {
  readonly version: 1;
  readonly name: CatalogName;
  /** An http or https URL, or the absolute path of a folder. */
  readonly place: string;
  /** The text of the root that was given when it was added. */
  readonly root: string;
  /** RFC 3339, UTC. */
  readonly added_at: string;
}

const schema = v.object({
  version: v.literal(1),
  name: v.custom<CatalogName>((value) => typeof value === "string" && isCatalogName(value)),
  place: v.string(),
  root: v.string(),
  added_at: v.string(),
});

/** @throws {BangerError} `bad-state`, when `json` is no such record. */
export function parseCatalogSource(json: string, origin: string): CatalogSource {
  return parseStored(
    schema,
    json,
    origin,
    `remove the file, then add the catalog again: rm ${origin}`,
  );
}
