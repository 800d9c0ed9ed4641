import * as v from "valibot";
import type { Arch } from "./arch.ts";
import { BangerError } from "./errors.ts";
import type { KernelVersion } from "./kernel-version.ts";
import { isKernelVersion } from "./kernel-version.ts";
import { isArch } from "./arch.ts";
import type { Sha256 } from "./sha256.ts";
import { sha256Schema } from "./sha256-schema.ts";
import type { SourceTrust } from "./source-trust.ts";
import { fieldOf } from "./shortened.ts";

/** A file that went into a build, by its content. */
export interface BuildInput {
  readonly kind: "source" | "config" | "fragment" | "recipe";
  readonly name: string;
  readonly sha256: Sha256;
  /** Where it is had: an https URL, or a package URL such as `pkg:deb/debian/NAME@VERSION`. */
  readonly uri?: string | undefined;
}

/** Everything that a build was made from and with; nothing that differs when it is made again. */
export interface BuildFacts {
  readonly line: string;
  readonly arch: Arch;
  readonly kernelVersion: KernelVersion;
  readonly trust: SourceTrust;
  /** The source first, then the configurations in the order in which they were merged. */
  readonly inputs: readonly BuildInput[];
  /** The command of the build, with SOURCE and OBJECTS in place of its two folders. */
  readonly command: readonly string[];
  /** The environment variables of the command that its output depends on. */
  readonly environment: Readonly<Record<string, string>>;
  /** Name of a tool → what it says of its version. */
  readonly tools: Readonly<Record<string, string>>;
  /** Name → SHA-256 of what came out: `vmlinux`, `kernel.config`. */
  readonly outputs: Readonly<Record<string, Sha256>>;
  /** The banger that built it. */
  readonly builderVersion: string;
}

const statementType = "https://in-toto.io/Statement/v1";
const predicateType = "https://slsa.dev/provenance/v1";
/** What docs/formats/provenance.md describes. */
const buildType = "https://kernels.thaloco.com/build-types/generic-kernel/v1";
const builderId = "https://kernels.thaloco.com/builders/checkout";

/** No provenance may be larger: 1 MiB. */
export const maxProvenanceBytes: number = 2 ** 20;

/**
 * The provenance of a build: an in-toto statement with SLSA's predicate, without dates, so that the
 * same build gives the same bytes.
 *
 * @see https://slsa.dev/spec/v1.0/provenance
 * @see https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
export function formatProvenance(facts: BuildFacts): string {
  const statement = {
    _type: statementType,
    subject: Object.entries(facts.outputs).map(([name, sha256]) => ({ name, digest: { sha256 } })),
    predicateType,
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: {
          line: facts.line,
          arch: facts.arch,
          kernel_version: facts.kernelVersion,
          source_trust: facts.trust,
        },
        internalParameters: {
          command: facts.command,
          environment: facts.environment,
          tools: facts.tools,
        },
        resolvedDependencies: facts.inputs.map(({ kind, name, sha256, uri }) => ({
          name,
          ...(uri === undefined ? {} : { uri }),
          digest: { sha256 },
          annotations: { kind },
        })),
      },
      runDetails: { builder: { id: builderId, version: { banger: facts.builderVersion } } },
    },
  };
  return `${JSON.stringify(statement, undefined, 2)}\n`;
}

const words = v.record(v.string(), v.string());
const schema = v.object({
  _type: v.literal(statementType),
  subject: v.array(v.object({ name: v.string(), digest: v.object({ sha256: sha256Schema }) })),
  predicateType: v.literal(predicateType),
  predicate: v.object({
    buildDefinition: v.object({
      buildType: v.literal(buildType),
      externalParameters: v.object({
        line: v.string(),
        arch: v.custom<Arch>((value) => typeof value === "string" && isArch(value)),
        kernel_version: v.custom<KernelVersion>(
          (value) => typeof value === "string" && isKernelVersion(value),
        ),
        source_trust: v.variant("kind", [
          v.object({
            kind: v.literal("signature"),
            holder: v.string(),
            fingerprint: v.pipe(v.string(), v.regex(/^[0-9A-F]{40}$/)),
          }),
          v.object({ kind: v.literal("hash") }),
        ]),
      }),
      internalParameters: v.object({
        command: v.array(v.string()),
        environment: words,
        tools: words,
      }),
      resolvedDependencies: v.array(
        v.object({
          name: v.string(),
          uri: v.optional(v.string()),
          digest: v.object({ sha256: sha256Schema }),
          annotations: v.object({ kind: v.picklist(["source", "config", "fragment", "recipe"]) }),
        }),
      ),
    }),
    runDetails: v.object({
      builder: v.object({ id: v.string(), version: v.object({ banger: v.string() }) }),
    }),
  }),
});

/**
 * Reads the provenance of a kernel that banger built.
 *
 * @param origin how the error calls the file.
 * @throws {BangerError} `failed`, when it is a statement of another kind, or none.
 */
export function parseProvenance(json: string, origin: string): BuildFacts {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw refuse(origin, "it is not JSON", cause);
  }
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const field = fieldOf(issue, "the document");
    throw refuse(origin, `${field} is not as banger writes it`);
  }
  const { subject, predicate } = parsed.output;
  const { externalParameters, internalParameters, resolvedDependencies } =
    predicate.buildDefinition;
  return {
    line: externalParameters.line,
    arch: externalParameters.arch,
    kernelVersion: externalParameters.kernel_version,
    trust: externalParameters.source_trust,
    inputs: resolvedDependencies.map(({ name, uri, digest, annotations }) => ({
      kind: annotations.kind,
      name,
      sha256: digest.sha256,
      uri,
    })),
    ...internalParameters,
    outputs: Object.fromEntries(subject.map(({ name, digest }) => [name, digest.sha256])),
    builderVersion: predicate.runDetails.builder.version.banger,
  };
}

/** The source that a kernel was built from. @throws {BangerError} `failed`, when it names none */
export function sourceOf(facts: BuildFacts, origin: string): BuildInput {
  const source = facts.inputs.find(({ kind }) => kind === "source");
  if (source === undefined) throw refuse(origin, "it names no source");
  return source;
}

function refuse(origin: string, reason: string, cause?: unknown): BangerError {
  return new BangerError("failed", `cannot use the provenance ${origin}: ${reason}`, {
    hint: "the format is described in docs/formats/provenance.md",
    cause,
  });
}
