/** What a mirror has besides the files that its catalog names. @see docs/mirrors.md */
export const mirrorNames = {
  catalog: "catalog.json",
  checksums: "SHA256SUMS",
  checksumsSignature: "SHA256SUMS.minisig",
  metadata: "metadata",
  targets: "targets",
} as const;

const reserved: ReadonlySet<string> = new Set(Object.values(mirrorNames));

/** Whether a tarball or sidecar of this name can lie in a mirror: it takes the place of nothing else, and is not hidden. */
export function isMirrorKey(key: string): boolean {
  return !key.startsWith(".") && !reserved.has(key);
}

const contentAddressed =
  /^[a-z0-9][a-z0-9.-]*-(?:x86_64|arm64)-[0-9a-f]{12}(?:\.tar\.zst|\.[a-z][a-z-]*-[0-9a-f]{12}\.json)$/;

/**
 * Whether a file name is by the book for a tarball or sidecar: nobody calls a file so by chance.
 *
 * @see docs/formats/bundle.md
 */
export function isContentAddressed(name: string): boolean {
  return contentAddressed.test(name);
}
