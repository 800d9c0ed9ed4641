import * as v from "valibot";
import { type Arch, isArch } from "./arch.ts";
import { BangerError } from "./errors.ts";
import { isKernelName, type KernelName } from "./kernel-name.ts";
import { isKernelVersion, type KernelVersion } from "./kernel-version.ts";
import type { Sha256 } from "./sha256.ts";
import { sha256Schema } from "./sha256-schema.ts";
import { fieldOf } from "./shortened.ts";

/** Which tarball a sidecar is of: the same fields in every kind. */
export const sidecarIdentity: {
  readonly name: v.GenericSchema<KernelName>;
  readonly arch: v.GenericSchema<Arch>;
  readonly kernel_version: v.GenericSchema<KernelVersion>;
  readonly tarball_sha256: v.GenericSchema<Sha256>;
  readonly vmlinux_sha256: v.GenericSchema<Sha256>;
} = {
  name: v.custom<KernelName>((value) => typeof value === "string" && isKernelName(value)),
  arch: v.custom<Arch>((value) => typeof value === "string" && isArch(value)),
  kernel_version: v.custom<KernelVersion>(
    (value) => typeof value === "string" && isKernelVersion(value),
  ),
  tarball_sha256: sha256Schema,
  vmlinux_sha256: sha256Schema,
};

/** An RFC 3339 time in UTC. */
export const sidecarTime: v.GenericSchema<string> = v.pipe(
  v.string("must be an RFC 3339 time in UTC"),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/, "must be an RFC 3339 time in UTC"),
);

/** A word or a few: 1 to 200 characters. */
export const sidecarLine: v.GenericSchema<string> = v.pipe(
  v.string("must be text"),
  v.minLength(1),
  v.maxLength(200),
);

/**
 * Reads the text of a sidecar.
 *
 * @param complaint what the error begins with: "FILE is no …".
 * @throws {BangerError} `verification-failed`, naming the field.
 */
export function parseSidecarText<Output>(
  schema: v.GenericSchema<unknown, Output>,
  json: string,
  complaint: string,
): Output {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new BangerError("verification-failed", `${complaint}: it is not JSON`, { cause });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = fieldOf(issue, "document");
  throw new BangerError("verification-failed", `${complaint}: ${field} is not as it must be`);
}
