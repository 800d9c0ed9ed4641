import { describe, expect, test } from "bun:test";
import { BangerError } from "../../src/core/errors.ts";
import {
  fileDigest,
  formatManifest,
  manifestMatches,
  parseManifest,
} from "../../src/core/manifest.ts";
import { parseReference } from "../../src/core/reference.ts";

const [tarball, vmlinux, module] = ["a", "b", "c"].map((digit) => digit.repeat(64));

const good = {
  version: 1,
  name: "generic-6.12",
  distro: "generic",
  arch: "x86_64",
  kernel_version: "6.12.117",
  source: "catalog",
  tarball_sha256: tarball,
  tarball_url: "https://kernels.invalid/generic.tar.zst",
  catalog_serial: 3,
  installed_at: "2026-01-31T12:00:00Z",
  files: [
    { path: "vmlinux", size_bytes: 9, sha256: vmlinux },
    { path: "modules/6.12.117/a b.ko", size_bytes: 0, sha256: module },
  ],
  links: [{ path: "modules/6.12.117/b.ko", target: "a b.ko" }],
};

function parse(change: object = {}): ReturnType<typeof parseManifest> {
  return parseManifest(JSON.stringify({ ...good, ...change }), "m.json");
}

function refusal(text: string): BangerError {
  try {
    parseManifest(text, "m.json");
  } catch (error) {
    if (error instanceof BangerError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a manifest", () => {
  test("is read as it was written, with files and links sorted by path", () => {
    const text = formatManifest(parse());
    expect(text).toEndWith("}\n");
    expect(parseManifest(text, "m.json")).toMatchObject({
      ...good,
      files: good.files.toReversed(),
    });
    expect(formatManifest(parseManifest(text, "m.json"))).toBe(text);
  });

  test("of an import names no tarball, and fields that are not known are passed over", () => {
    const { tarball_sha256: _a, tarball_url: _b, catalog_serial: _c, ...rest } = good;
    const text = JSON.stringify({ ...rest, source: "import", later: true });
    expect(parseManifest(text, "m.json")).toEqual(parseManifest(text, "m.json"));
    expect("later" in parseManifest(text, "m.json")).toBe(false);
  });

  test("is no manifest when it is not JSON", () => {
    for (const text of ["", "{", "not json", "\0"]) {
      expect(refusal(text)).toMatchObject({
        code: "bad-state",
        message: "m.json is damaged: it is not JSON",
      });
    }
  });

  test.each<[string, object]>([
    ["version", { version: 2 }],
    ["name", { name: "../x" }],
    ["arch", { arch: "aarch64" }],
    ["kernel_version", { kernel_version: "latest" }],
    ["source", { source: "elsewhere" }],
    ["tarball_sha256", { tarball_sha256: "A".repeat(64) }],
    ["catalog_serial", { catalog_serial: 1.5 }],
    ["files", { files: {} }],
    ["files.0.path", { files: [{ path: "../x", size_bytes: 1, sha256: vmlinux }] }],
    ["files.0.path", { files: [{ path: "/etc/passwd", size_bytes: 1, sha256: vmlinux }] }],
    ["files.0.path", { files: [{ path: "a//b", size_bytes: 1, sha256: vmlinux }] }],
    ["files.0.path", { files: [{ path: "a\u001b", size_bytes: 1, sha256: vmlinux }] }],
    ["files.0.size_bytes", { files: [{ path: "vmlinux", size_bytes: -1, sha256: vmlinux }] }],
    ["files.0.sha256", { files: [{ path: "vmlinux", size_bytes: 1, sha256: "b" }] }],
    ["links.0.path", { links: [{ path: "modules/../../x", target: "y" }] }],
    ["installed_at", { installed_at: 5 }],
  ])("is refused, naming %s, when that is %j", (field, change) => {
    const error = refusal(JSON.stringify({ ...good, ...change }));
    expect(error.code).toBe("bad-state");
    expect(error.message).toBe(`m.json is damaged: ${field} is not as banger writes it`);
  });

  test.each(Object.keys(good).filter((key) => !/^tarball|^catalog/.test(key)))(
    "is refused without %s",
    (key) => {
      const rest = Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
      expect(refusal(JSON.stringify(rest)).message).toContain(`damaged: ${key} is not`);
    },
  );

  test("tells the hash of a file that the kernel has", () => {
    expect(fileDigest(parse(), "vmlinux")).toBe(parse().files[0]?.sha256);
    expect(fileDigest(parse(), "initrd.img")).toBeUndefined();
  });

  test.each([
    ["a", true],
    ["a@6.12.117", true],
    ["a@6.12.11", false],
    [`a@sha256:${tarball}`, true],
    [`a@sha256:${vmlinux}`, true],
    [`a@sha256:${module}`, false],
  ])("is the build that %s selects: %p", (reference, expected) => {
    expect(manifestMatches(parse(), parseReference(reference, "x86_64").build)).toBe(expected);
  });
});
