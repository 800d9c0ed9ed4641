import { requireBootable } from "../core/bootable.ts";
import type { CatalogEntry } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { identifyImage, imageHeadBytes } from "../core/kernel-image.ts";
import { TarReader } from "../core/tar-reader.ts";
import { readHead } from "../io/read-range.ts";
import type { StagedTree } from "../io/staged-tree.ts";
import { decompress } from "../io/zstd.ts";
import type { Context } from "./context.ts";

/**
 * Unpacks a verified tarball into a staged tree.
 *
 * @param descriptor of the file whose hash was checked.
 * @throws {BangerError} `verification-failed`, `unsafe-archive`, `wrong-image`; `io`, `no-space`;
 * the signal's reason.
 */
export async function unpackBundle(
  context: Context,
  entry: CatalogEntry,
  descriptor: number,
  staged: StagedTree,
): Promise<void> {
  const reader = new TarReader({
    entry: (item) => {
      switch (item.kind) {
        case "file":
          staged.beginFile(item.path);
          break;
        case "directory":
          staged.addFolder(item.path);
          break;
        case "symlink":
          links.push({ path: item.path, target: item.target });
          break;
      }
    },
    data: (chunk) => {
      staged.write(chunk);
    },
    endOfFile: () => {
      staged.endFile();
    },
  });
  // Links are made last: until then there is none in the tree that a write could follow.
  const links: { path: string; target: string }[] = [];
  let unpackedBytes = 0;
  for await (const chunk of decompress(descriptor, entry.size_bytes, context.signal)) {
    unpackedBytes += chunk.length;
    if (unpackedBytes > entry.unpacked_bytes) {
      throw new BangerError(
        "verification-failed",
        `the tarball unpacks to more than the ${entry.unpacked_bytes} bytes that the catalog names`,
      );
    }
    reader.push(chunk);
    context.report({
      kind: "bytes",
      name: entry.name,
      stage: "unpack",
      doneBytes: unpackedBytes,
      totalBytes: entry.unpacked_bytes,
    });
  }
  if (unpackedBytes !== entry.unpacked_bytes) {
    throw new BangerError(
      "verification-failed",
      `the tarball unpacks to ${unpackedBytes} bytes, the catalog names ${entry.unpacked_bytes}`,
    );
  }
  reader.end();
  for (const link of links) staged.addLink(link.path, link.target);
  requireKernel(entry, staged);
}

function requireKernel(entry: CatalogEntry, staged: StagedTree): void {
  const file = `${staged.root}/vmlinux`;
  const size = staged.files.find((item) => item.path === "vmlinux")?.size_bytes ?? 0;
  requireBootable(identifyImage(readHead(file, imageHeadBytes), size), entry.arch, "vmlinux");
}
