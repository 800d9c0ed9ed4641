/** A bill of materials for one executable, in CycloneDX 1.6. */
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import type { ExecutableName, RuntimePart } from "./bun-runtime.ts";
import { type CompiledPackage, type LockedPackage, lockedPackage } from "./compiled-in.ts";
import { licenseIds } from "./licenses.ts";

/** What a bill of materials is made from. */
export interface SbomInput {
  readonly executable: ExecutableName;
  /** Of the executable's bytes, hexadecimal. */
  readonly sha256: string;
  /** banger's version. */
  readonly version: string;
  readonly commit: string;
  /** The time of the commit, in seconds since 1970; undefined when there is none. */
  readonly epoch: number | undefined;
  readonly packages: readonly CompiledPackage[];
  readonly runtime: LockedPackage & { readonly name: string };
  readonly parts: readonly RuntimePart[];
}

/**
 * The bill of materials, as JSON. The same input gives the same text: its number comes from the executable's hash,
 * and its time is the commit's.
 *
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function sbom(input: SbomInput): string {
  const { executable, sha256, version, commit, epoch, packages, runtime, parts } = input;
  const bun = npmComponent({ ...runtime, license: "MIT" }, Enums.ComponentType.Platform);
  bun.description = `Bun ${runtime.version}, the runtime`;
  for (const part of parts) bun.components.add(partComponent(part, bun.bomRef.value ?? ""));

  const made = new Map(packages.map((each) => [each.folder, npmComponent(each)]));
  for (const { folder, imports } of packages) {
    for (const imported of imports) {
      const target = made.get(imported);
      if (target !== undefined) made.get(folder)?.dependencies.add(target.bomRef);
    }
  }
  const banger = new Models.Component(Enums.ComponentType.Application, "banger", {
    bomRef: `${executable}@${version}`,
    version,
    purl: `pkg:generic/banger@${version}?file_name=${executable}`,
    description: `The executable ${executable}, of commit ${commit}`,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], sha256]]),
    licenses: licenseOf("MIT"),
  });
  for (const component of [bun, ...made.values()]) banger.dependencies.add(component.bomRef);

  const bom = new Models.Bom({
    serialNumber: serialNumber(sha256),
    metadata: new Models.Metadata({
      component: banger,
      lifecycles: new Models.LifecycleRepository([Enums.LifecyclePhase.Build]),
      tools: new Models.Tools({ components: new Models.ComponentRepository([generator()]) }),
      ...(epoch === undefined ? {} : { timestamp: new Date(epoch * 1000) }),
    }),
    components: new Models.ComponentRepository([bun, ...made.values()]),
  });
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const options = { sortLists: true, space: 2 };
  return `${new Serialize.JsonSerializer(normalizers).serialize(bom, options)}\n`;
}

/** A UUID of version 8: the beginning of a hash. */
function serialNumber(sha256: string): string {
  const hex = `${sha256.slice(0, 12)}8${sha256.slice(13, 16)}8${sha256.slice(17, 32)}`;
  return `urn:uuid:${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}

function generator(): Models.Component {
  const name = "@cyclonedx/cyclonedx-library";
  const { version } = lockedPackage(`node_modules/${name}`);
  return new Models.Component(Enums.ComponentType.Library, name, { version });
}

function licenseOf(expression: string): Models.LicenseRepository {
  const license = /\s/.test(expression)
    ? new Models.LicenseExpression(expression)
    : new Models.SpdxLicense(expression);
  return new Models.LicenseRepository([license]);
}

function npmComponent(
  locked: LockedPackage & { readonly name: string },
  type: Enums.ComponentType = Enums.ComponentType.Library,
): Models.Component {
  const { name, version, license, sha512 } = locked;
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return new Models.Component(type, name, {
    bomRef: purl,
    version,
    purl,
    scope: Enums.ComponentScope.Required,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-512"], sha512]]),
    licenses: licenseOf(license),
  });
}

function partComponent(part: RuntimePart, within: string): Models.Component {
  const { name, version, license, copyright, source } = part;
  const vcs = new Models.ExternalReference(source, Enums.ExternalReferenceType.Website);
  return new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: `${within}#${name}`,
    copyright,
    licenses:
      licenseIds(license).length === 0 ? new Models.LicenseRepository() : licenseOf(license),
    externalReferences: new Models.ExternalReferenceRepository([vcs]),
    ...(version === undefined ? {} : { version }),
  });
}
