import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseKernelName } from "../../src/core/kernel-name.ts";
import { isKernelVersion } from "../../src/core/kernel-version.ts";
import { isSha256, type Sha256 } from "../../src/core/sha256.ts";
import { buildKind } from "../../src/core/build-record.ts";
import { type BuildSidecarInput, newBuildSidecar } from "../../src/ops/build-sidecar.ts";
import { keptSidecar, writeSidecar } from "../../src/ops/sidecars.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-sidecar-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function digest(text: string): Sha256 {
  const found = createHash("sha256").update(text).digest("hex");
  if (!isSha256(found)) throw new Error("a SHA-256 is one");
  return found;
}

function input(publishedAt = "2026-01-02T03:04:05Z"): BuildSidecarInput {
  const version = "6.12.1";
  if (!isKernelVersion(version)) throw new Error(`${version} is no kernel version`);
  const entry = {
    name: parseKernelName("generic-6.12"),
    distro: "generic",
    arch: "x86_64",
    kernel_version: version,
    tarball_url: "https://kernels.invalid/a.tar.zst",
    tarball_sha256: digest("tarball"),
    size_bytes: 1,
    unpacked_bytes: 1024,
    vmlinux_sha256: digest("vmlinux"),
    description: "for tests",
  } as const;
  return {
    entry,
    provenanceSha256: digest("provenance"),
    cache: folder,
    baseUrl: "https://kernels.invalid/",
    publisher: "A Maintainer",
    publishedAt,
  };
}

const log = {
  version: 1,
  started_at: "2026-01-01T00:00:00Z",
  finished_at: "2026-01-01T00:17:00Z",
  host: "builder",
  cpus: 2,
  ccache: false,
};

function writeLog(provenanceSha256: Sha256): void {
  mkdirSync(join(folder, "builds"));
  const file = join(folder, "builds", `${digest("provenance")}.json`);
  writeFileSync(file, JSON.stringify({ ...log, provenance_sha256: provenanceSha256 }));
}

test("a build sidecar tells what the build left in the cache", () => {
  writeLog(digest("provenance"));
  const { version: _version, ...built } = log;
  expect(JSON.parse(newBuildSidecar(input()).text)).toMatchObject({ built });
});

test("without a log of the build, its sidecar says that nobody kept one", () => {
  expect(JSON.parse(newBuildSidecar(input()).text)).toMatchObject({ built: null });
});

test("a log of another build is refused", () => {
  writeLog(digest("another"));
  expect(() => newBuildSidecar(input())).toThrow("is of another build");
});

test("the sidecar that the catalog names is kept rather than another of the same tarball", () => {
  const files = [input(), input("2026-01-03T00:00:00Z")].map((each) => {
    const made = newBuildSidecar(each);
    writeSidecar(join(folder, made.sidecar.url.replace(each.baseUrl, "")), made);
    return made.sidecar;
  });
  for (const sidecar of files)
    expect(keptSidecar({ ...input(), folder }, buildKind, sidecar)).toEqual(sidecar);
});

test("a damaged sidecar is not kept", () => {
  const made = newBuildSidecar(input());
  const file = join(folder, made.sidecar.url.replace("https://kernels.invalid/", ""));
  writeFileSync(file, made.text.replace("A Maintainer", "Another one"));
  expect(keptSidecar({ ...input(), folder }, buildKind, made.sidecar)).toBeUndefined();
});
