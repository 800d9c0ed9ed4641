/** Firecracker's own API specification, as the judge of configurations. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { parse } from "yaml";

const specification = join(
  import.meta.dirname,
  "../../../shared/firecracker/firecracker-api-v1.16.1.yaml",
);

/** Whether the specification is at hand: it is no part of the repository. */
export const hasFirecrackerSchema: boolean = existsSync(specification);

/**
 * What the specification finds wrong with a document for `firecracker --config-file`; also fields that
 * it does not know.
 */
export function firecrackerProblems(config: unknown): string[] {
  const api: unknown = parse(readFileSync(specification, "utf8"));
  const definitions = isRecord(api) ? closeObjects(api["definitions"]) : undefined;
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile({ definitions, $ref: "#/definitions/FullVmConfiguration" });
  validate(config);
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? "?"}`);
}

/** Firecracker refuses unknown fields (serde's deny_unknown_fields); its specification does not say so. */
function closeObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closeObjects);
  if (!isRecord(value)) return value;
  const closed = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, closeObjects(inner)]),
  );
  return isRecord(value["properties"]) ? { ...closed, additionalProperties: false } : closed;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
