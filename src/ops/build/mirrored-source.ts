import path from "node:path";
import { BangerError } from "../../core/errors.ts";
import { redactUrl } from "../../core/redact.ts";
import type { Sha256 } from "../../core/sha256.ts";
import { lookThrough } from "../../io/files.ts";
import { HeldFile } from "../../io/held-file.ts";
import { copyInto } from "../../io/mirror-folder.ts";
import type { PartFile } from "../../io/part-file.ts";
import { decompress } from "../../io/source-archive.ts";
import type { Context } from "../context.ts";
import { fetchLarge } from "./fetch-source.ts";
import { openPart, openSource, type SourceCache, sourcePath } from "./source-cache.ts";
import { findTree, type SourceTree, unpackTree, type WantedSource } from "./source-tree.ts";
import { maxTarballBytes, sourceArchiveOptions, type Tarball } from "./tarball.ts";

/** A source from anywhere, which is what it is by its hash. */
export interface MirroredSource {
  /** A file, or a file://, http:// or https:// URL. */
  readonly source: string;
  /** Of the tarball. */
  readonly sha256: Sha256;
}

type Place =
  | { readonly kind: "file"; readonly name: string; readonly file: string }
  | { readonly kind: "web"; readonly name: string; readonly url: string };

/**
 * Brings a tarball into the cache and unpacks it, when it has the hash that was named.
 *
 * @throws {BangerError} `usage`, when the source is neither file nor URL; `not-found`; and as
 * `obtainSource`.
 */
export async function obtainMirrored(
  context: Context,
  cache: SourceCache,
  mirrored: MirroredSource,
  wanted: WantedSource,
): Promise<SourceTree & { readonly tarball: Tarball }> {
  const { sha256 } = mirrored;
  const place = placeOf(mirrored.source);
  const tarball = { name: place.name, url: publicUrl(place), sha256 };
  using held = openSource(cache, sha256) ?? (await bring(context, cache, place, sha256));
  const there = findTree(cache, sha256, wanted);
  if (there !== undefined) return { ...there, tarball };
  context.report({ kind: "stage", name: place.name, stage: "unpack" });
  const options = sourceArchiveOptions(context);
  using tar = await decompress(held, cache.trees, options);
  return { ...(await unpackTree(cache, sha256, tar, wanted, options)), tarball };
}

async function bring(
  context: Context,
  cache: SourceCache,
  place: Place,
  sha256: Sha256,
): Promise<HeldFile> {
  const part = openPart(cache, sha256);
  try {
    for (;;) {
      const keptBytes = part.sizeBytes;
      await fill(context, part, place);
      const digest = part.digest();
      if (digest === sha256) break;
      part.restart();
      // Two parts of two different files: the whole file may well be right.
      if (keptBytes > 0) continue;
      throw new BangerError(
        "verification-failed",
        `cannot use ${place.name}: sha256 is ${digest}, expected ${sha256}`,
        { hint: "nothing was unpacked; --source-sha256 is the hash of the tarball as it is" },
      );
    }
    part.publish(sourcePath(cache, sha256));
    return HeldFile.again(part.descriptor);
  } finally {
    part.close();
  }
}

async function fill(context: Context, part: PartFile, place: Place): Promise<void> {
  const { name } = place;
  if (place.kind === "web") {
    await fetchLarge(context, part, {
      name,
      url: place.url,
      maxBytes: maxTarballBytes,
      plainHttp: true,
      hint: "any place that has the tarball will do: --source FILE|URL",
    });
    return;
  }
  const { file } = place;
  const stats = lookThrough(file);
  if (stats === undefined) {
    throw new BangerError("not-found", `there is no source ${file}`);
  }
  if (!stats.isFile()) throw new BangerError("usage", `the source ${file} is not a file`);
  const totalBytes = stats.size;
  context.report({ kind: "download", name, source: file, totalBytes, resumedBytes: 0 });
  await copyInto(file, part, maxTarballBytes, {
    signal: context.signal,
    onBytes: (doneBytes) => {
      context.report({ kind: "bytes", name, stage: "download", doneBytes, totalBytes });
    },
  });
}

/** Makes sure that a source can be looked for. @throws {BangerError} `usage`, `not-found` */
export function requireSource(source: string): void {
  const place = placeOf(source);
  if (place.kind === "web" || lookThrough(place.file)?.isFile() === true) return;
  throw new BangerError("not-found", `there is no file ${place.file}`, {
    hint: "a source is a file, or a file://, http:// or https:// URL",
  });
}

function placeOf(source: string): Place {
  if (/^https?:\/\//i.test(source) && URL.canParse(source)) {
    const url = new URL(source);
    const name = path.posix.basename(url.pathname);
    return { kind: "web", name: name === "" ? url.hostname : name, url: url.href };
  }
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(source);
  const file = isUrl ? fileOfUrl(source) : path.resolve(source);
  if (source === "" || file === undefined) {
    throw new BangerError("usage", `${JSON.stringify(redactUrl(source))} is not a source`, {
      hint: "a source is a file, or a file://, http:// or https:// URL",
    });
  }
  return { kind: "file", name: path.basename(file), file };
}

function fileOfUrl(source: string): string | undefined {
  if (!URL.canParse(source)) return undefined;
  const { protocol, host, pathname } = new URL(source);
  if (protocol !== "file:" || (host !== "" && host !== "localhost")) return undefined;
  try {
    return decodeURIComponent(pathname);
  } catch {
    // An escape that is no UTF-8.
    return undefined;
  }
}

/** The URL without what may be secret in it. */
function publicUrl(place: Place): string | undefined {
  if (place.kind === "file") return undefined;
  const { origin, pathname } = new URL(place.url);
  return `${origin}${pathname}`;
}
