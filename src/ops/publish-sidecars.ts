import { bootKind, bootSummary, type BootSummary, parseBootProof } from "../core/boot-proof.ts";
import path from "node:path";
import { buildKind } from "../core/build-record.ts";
import { bundleNames } from "../core/bundle-tree.ts";
import {
  type CatalogEntry,
  fileOfUrl,
  findEntry,
  maxSidecarBytes,
  type Sidecar,
} from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { fileDigest } from "../core/manifest.ts";
import { now } from "../io/clock.ts";
import { readText } from "../io/files.ts";
import type { Bucket } from "../io/rclone.ts";
import { newBootProof, requireChecked } from "./boot-proof.ts";
import { newBuildSidecar } from "./build-sidecar.ts";
import { readForEdit } from "./catalog-edit.ts";
import type { Context } from "./context.ts";
import type { InstalledBundle } from "./pack-installed.ts";
import { verifyPublic } from "./public-object.ts";
import type { PublishInput } from "./publish.ts";
import { keptSidecar, type MadeSidecar } from "./sidecars.ts";
import { readSupportFacts, supportOf } from "./refresh-support.ts";

/** An entry with all that is said beside its tarball. */
export interface PreparedEntry {
  readonly entry: CatalogEntry;
  /** Sidecars that are new: not written yet. */
  readonly made: readonly MadeSidecar[];
  /** Keys of those that are published, and not in the folder. */
  readonly elsewhere: ReadonlySet<string>;
}

/**
 * Checks and boots a packed kernel, and gathers its sidecars: what an earlier run left or published counts
 * as long as the tarball is the same.
 *
 * @throws {BangerError} `refused`, `wrong-image`, when the kernel does not prove itself; as the boot.
 */
export async function withSidecars(
  context: Context,
  input: PublishInput,
  bundle: InstalledBundle,
  bucket: Bucket | undefined,
): Promise<PreparedEntry> {
  const { kernel } = bundle;
  const { features } = requireChecked(context, kernel);
  const { catalog } = readForEdit(input.catalogFile, input.baseUrl);
  const named = findEntry(catalog, bundle.entry.name, bundle.entry.arch);
  const old = named?.tarball_sha256 === bundle.entry.tarball_sha256 ? named : undefined;
  const entry: CatalogEntry = {
    ...bundle.entry,
    features,
    support: supportOf(readSupportFacts(input.supportFile), {
      ...bundle.entry,
      support: named?.support,
    }),
    // A new build is a new start; the one that was withdrawn stays so.
    withdrawn: old?.withdrawn,
  };
  const gather = new Gathering(context, input, entry, old, bucket !== undefined);
  await gather.bring(buildKind, () =>
    newBuildSidecar({
      ...input,
      entry,
      provenanceSha256: fileDigest(kernel.manifest, bundleNames.provenance),
      publishedAt: now(),
    }),
  );
  let boot: BootSummary | undefined;
  const proof = await gather.bring(bootKind, async () => {
    const made = await newBootProof(context, { ...input, entry, kernel });
    boot = made.summary;
    return made;
  });
  boot ??= summaryOf(input, proof, old);
  const others = (old?.sidecars ?? []).filter(
    ({ kind }) => kind !== buildKind && kind !== bootKind,
  );
  return {
    entry: { ...entry, boot, sidecars: [...gather.sidecars, ...others] },
    made: gather.made,
    elsewhere: gather.elsewhere,
  };
}

/** The short form of a proof that is kept in the folder, else as the catalog has it. */
function summaryOf(
  input: PublishInput,
  proof: Sidecar,
  old: CatalogEntry | undefined,
): BootSummary | undefined {
  const file = path.join(input.out, fileOfUrl(proof.url));
  const text = readText(file, maxSidecarBytes);
  return text === undefined ? old?.boot : bootSummary(parseBootProof(text, file));
}

/** Finds each sidecar, or makes it. */
class Gathering {
  readonly sidecars: Sidecar[] = [];
  readonly made: MadeSidecar[] = [];
  readonly elsewhere: Set<string> = new Set<string>();
  readonly #context: Context;
  readonly #input: PublishInput;
  readonly #entry: CatalogEntry;
  readonly #old: CatalogEntry | undefined;
  readonly #mayBeElsewhere: boolean;

  constructor(
    context: Context,
    input: PublishInput,
    entry: CatalogEntry,
    old: CatalogEntry | undefined,
    mayBeElsewhere: boolean,
  ) {
    this.#context = context;
    this.#input = input;
    this.#entry = entry;
    this.#old = old;
    this.#mayBeElsewhere = mayBeElsewhere;
  }

  async bring(kind: string, make: () => MadeSidecar | Promise<MadeSidecar>): Promise<Sidecar> {
    const { out: folder, baseUrl } = this.#input;
    const named = this.#old?.sidecars?.find((sidecar) => sidecar.kind === kind);
    const kept = keptSidecar({ entry: this.#entry, folder, baseUrl }, kind, named);
    if (kept !== undefined) return this.#add(kept);
    if (this.#mayBeElsewhere && named !== undefined && (await isPublished(this.#context, named))) {
      this.elsewhere.add(fileOfUrl(named.url));
      return this.#add(named);
    }
    const made = await make();
    this.made.push(made);
    return this.#add(made.sidecar);
  }

  #add(sidecar: Sidecar): Sidecar {
    this.sidecars.push(sidecar);
    return sidecar;
  }
}

async function isPublished(context: Context, sidecar: Sidecar): Promise<boolean> {
  const { url, sha256, size_bytes: sizeBytes } = sidecar;
  try {
    await verifyPublic(context, { key: fileOfUrl(url), url, sha256, sizeBytes });
    return true;
  } catch (error) {
    if (!(error instanceof BangerError) || context.signal.aborted) throw error;
    return false;
  }
}
