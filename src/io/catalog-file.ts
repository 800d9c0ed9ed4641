import { maxCatalogBytes, parseCatalogText, type Catalog } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { readText } from "./files.ts";

/**
 * Reads a catalog file.
 *
 * @throws {BangerError} `bad-catalog`, also when it is missing or too large; `io`.
 */
export function loadCatalog(file: string): Catalog {
  const text = readCatalog(file);
  if (text === undefined) {
    throw new BangerError("bad-catalog", `there is no catalog ${file}`, {
      hint: "BANGER_CATALOG names it; without that variable banger uses the catalog that it carries",
    });
  }
  return parseCatalogText(text, file);
}

function readCatalog(file: string): string | undefined {
  try {
    return readText(file, maxCatalogBytes);
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "bad-state") throw error;
    throw new BangerError("bad-catalog", error.message, { cause: error });
  }
}
