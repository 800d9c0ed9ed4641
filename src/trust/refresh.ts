import path from "node:path";
import { type Fetcher, type TargetFile, Updater } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error";
import { maxCatalogBytes } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { daysSince } from "../io/clock.ts";
import { lookThrough, replaceFile } from "../io/files.ts";
import { sha256Of } from "../io/hash.ts";
import { inTemporaryFolder } from "../io/private-folder.ts";
import { readWhole } from "../io/read-range.ts";
import type { RepositorySource } from "../io/repository-source.ts";
import {
  catalogTarget,
  maxMetadataBytes,
  parseRole,
  type RepositoryFiles,
  type RoleName,
  roleNames,
} from "./repository.ts";

/** What a host trusts before it asks. */
export interface TrustBase {
  /** The root that is trusted because of how it came here. */
  readonly trustedRoot: Uint8Array;
  /** What an earlier refresh gave, which verifies; undefined when there was none. */
  readonly known: RepositoryFiles | undefined;
}

/** What a refresh needs beyond that. */
export interface RefreshBase extends TrustBase {
  /** Where a folder is made to work in, and removed again. */
  readonly scratch: string;
}

/** A name that no server has: what comes after it is a path in the repository. */
const base = "https://repository.invalid/";

/**
 * Brings a repository up to date by the client workflow of TUF: newer roots first, each vouched for by
 * the one before, then timestamp, snapshot, targets and the catalog. Older versions than those known,
 * and expired ones, are refused.
 *
 * @throws {BangerError} `verification-failed`, when it does not verify or has expired; `network`,
 * `timeout`, when it cannot be had whole; `io`, `no-space`; the signal's reason.
 * @see https://theupdateframework.github.io/specification/latest/#detailed-client-workflow
 */
export function refreshRepository(
  { trustedRoot, known, scratch }: RefreshBase,
  source: RepositorySource,
): Promise<RepositoryFiles> {
  return inTemporaryFolder(scratch, async (folder) => {
    const put = (role: RoleName, bytes: Uint8Array): void => {
      replaceFile(path.join(folder, `${role}.json`), bytes);
    };
    const knownRoots = known?.roots ?? [];
    put("root", knownRoots.at(-1) ?? trustedRoot);
    if (known !== undefined) {
      put("timestamp", known.timestamp);
      put("snapshot", known.snapshot);
      put("targets", known.targets);
    }
    const fetcher = new SourceFetcher(source, folder);
    const catalog = await update(folder, fetcher, known?.catalog);
    const take = (role: RoleName): Uint8Array => readWhole(path.join(folder, `${role}.json`));
    return {
      roots: [...knownRoots, ...fetcher.roots],
      timestamp: take("timestamp"),
      snapshot: take("snapshot"),
      targets: take("targets"),
      catalog,
    };
  });
}

/** @returns the catalog */
async function update(
  folder: string,
  fetcher: SourceFetcher,
  known: Uint8Array | undefined,
): Promise<Uint8Array> {
  const updater = new Updater({
    metadataDir: folder,
    metadataBaseUrl: `${base}metadata`,
    targetBaseUrl: `${base}targets`,
    fetcher,
    config: {
      rootMaxLength: maxMetadataBytes.root,
      timestampMaxLength: maxMetadataBytes.timestamp,
      snapshotMaxLength: maxMetadataBytes.snapshot,
      targetsMaxLength: maxMetadataBytes.targets,
    },
  });
  try {
    await updater.refresh();
    const target = await updater.getTargetInfo(catalogTarget);
    if (target === undefined) throw new Error(`it has no ${catalogTarget}`);
    if (target.length > maxCatalogBytes) throw new Error(`its ${catalogTarget} is too large`);
    if (known !== undefined && isTarget(known, target)) return known;
    return readWhole(await updater.downloadTarget(target, path.join(folder, "target")));
  } catch (error) {
    throw fetcher.failure ?? unsound(error, fetcher, folder);
  }
}

function isTarget(bytes: Uint8Array, { length, hashes }: TargetFile): boolean {
  return bytes.length === length && sha256Of(bytes) === hashes["sha256"];
}

function unsound(error: unknown, fetcher: SourceFetcher, folder: string): BangerError {
  const reason = error instanceof Error ? error.message : String(error);
  const { label } = fetcher.source;
  const expired = /\bexpired\b/.test(reason) ? expiredRole(fetcher, folder) : undefined;
  if (expired !== undefined) {
    return new BangerError(
      "verification-failed",
      `the catalog of ${label} has expired: ${expired.role}.json was good until ${expired.expires}`,
      {
        hint: "whoever keeps the catalog has not renewed it, or somebody holds back what is newer; the catalog that is here stays in use",
        cause: error,
      },
    );
  }
  return new BangerError(
    "verification-failed",
    `the catalog of ${label} does not verify: ${reason}`,
    {
      hint: "nothing was changed: the catalog that is here stays in use",
      cause: error,
    },
  );
}

/** The first role, in the order of trust, whose time is over. */
function expiredRole(
  fetcher: SourceFetcher,
  folder: string,
): { readonly role: RoleName; readonly expires: string } | undefined {
  for (const role of roleNames) {
    const file = path.join(folder, `${role}.json`);
    const bytes = fetcher.latest.get(role) ?? (lookThrough(file) && readWhole(file));
    if (bytes === undefined) continue;
    const { expires } = parseRole[role](bytes).signed;
    if (daysSince(expires) >= 0) return { role, expires };
  }
  return undefined;
}

/** Gives the updater the files of a source, and remembers what an answer to the user needs. */
class SourceFetcher implements Fetcher {
  readonly source: RepositorySource;
  /** Newer roots, in the order in which they were taken. */
  readonly roots: Uint8Array[] = [];
  /** The last metadata of each role that came. */
  readonly latest = new Map<RoleName, Uint8Array>();
  /** Why a file could not be had. */
  failure: BangerError | undefined;
  readonly #folder: string;

  constructor(source: RepositorySource, folder: string) {
    this.source = source;
    this.#folder = folder;
  }

  async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const role = roleNames.find((name) => url.endsWith(`${name}.json`));
    const limit = role === undefined ? maxLength : Math.min(maxLength, maxMetadataBytes[role]);
    const bytes = await this.#read(url, limit);
    if (role !== undefined) this.latest.set(role, bytes);
    if (role === "root") this.roots.push(bytes);
    return Buffer.from(bytes);
  }

  async downloadFile<Result>(
    url: string,
    maxLength: number,
    handler: (file: string) => Promise<Result>,
  ): Promise<Result> {
    const file = path.join(this.#folder, "download");
    replaceFile(file, await this.#read(url, maxLength));
    return handler(file);
  }

  async #read(url: string, maxLength: number): Promise<Uint8Array> {
    const file = url.slice(base.length);
    const bytes = await this.#fromSource(file, maxLength);
    if (bytes !== undefined) return bytes;
    // That there is no newer root is how a client learns that it has the newest.
    if (!/^metadata\/\d+\.root\.json$/.test(file)) {
      this.failure = new BangerError("network", `${this.source.label} has no ${file}`, {
        hint: "a signed catalog has the folders metadata and targets there",
      });
    }
    throw new DownloadHTTPError(`there is no ${file}`, 404);
  }

  async #fromSource(file: string, maxLength: number): Promise<Uint8Array | undefined> {
    try {
      return await this.source.read(file, maxLength);
    } catch (error) {
      if (error instanceof BangerError) this.failure = error;
      throw error;
    }
  }
}
