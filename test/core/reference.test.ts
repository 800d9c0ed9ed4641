import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { BangerError } from "../../src/core/errors.ts";
import { parseReference } from "../../src/core/reference.ts";

const digest = "0123456789abcdef".repeat(4);

function refusal(text: string): BangerError {
  try {
    parseReference(text, "x86_64");
  } catch (error) {
    if (error instanceof BangerError) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
}

/** The reference as plain data. */
function parsed(text: string): unknown {
  return { ...parseReference(text, "x86_64") };
}

describe("parseReference", () => {
  test("takes a name alone, for the architecture that it is told", () => {
    expect(parsed("generic-6.12")).toEqual({ name: "generic-6.12", arch: "x86_64" });
    expect(parseReference("generic-6.12", "arm64").arch).toBe("arm64");
  });

  test.each([
    ["arm64", "arm64"],
    ["aarch64", "arm64"],
    ["x86_64", "x86_64"],
    ["amd64", "x86_64"],
  ])("understands the architecture %s", (written, arch) => {
    expect(parsed(`generic-6.12:${written}`)).toEqual({ name: "generic-6.12", arch });
  });

  test("takes a version or a hash after @, with and without an architecture", () => {
    const version = { by: "version", version: "6.12.117-1-amd64" };
    const sha256 = { by: "sha256", sha256: digest };
    expect(parsed("a@6.12.117-1-amd64")).toMatchObject({ name: "a", build: version });
    expect(parsed("a:arm64@6.12.117-1-amd64")).toMatchObject({ arch: "arm64", build: version });
    expect(parsed(`a@sha256:${digest}`)).toMatchObject({ arch: "x86_64", build: sha256 });
    expect(parsed(`a:arm64@sha256:${digest}`)).toMatchObject({ arch: "arm64", build: sha256 });
  });

  test.each([
    ["", "is not a kernel name"],
    [":arm64", "is not a kernel name"],
    ["@6.12", "is not a kernel name"],
    ["Generic-6.12", "is not a kernel name"],
    ["-a", "is not a kernel name"],
    [".lock", "is not a kernel name"],
    ["..", "is not a kernel name"],
    ["a..b", "is not a kernel name"],
    ["A/b", "is not the name of a catalog"],
    ["a.b/c", "is not the name of a catalog"],
    ["/a", "is not the name of a catalog"],
    ["a/", "is not a kernel name"],
    ["a/b/c", "is not a kernel name"],
    ["a/../b", "is not a kernel name"],
    ["a b", "is not a kernel name"],
    ["a\n", "is not a kernel name"],
    ["__proto__", "is not a kernel name"],
    ["a\u202eb", "is not a kernel name"],
    ["a".repeat(65), "is not a kernel name"],
    ["a:", "is not an architecture"],
    ["a:riscv64", "is not an architecture"],
    ["a:arm64:x86_64", "more than one : or @"],
    ["a@6.12@6.12", "more than one : or @"],
    ["a@", "is not a kernel version"],
    ["a@latest", "is not a kernel version"],
    ["a@6", "is not a kernel version"],
    [`a@sha256:${digest.slice(1)}`, "64 lower-case hexadecimal digits"],
    [`a@sha256:${digest.toUpperCase()}`, "64 lower-case hexadecimal digits"],
    [`a@${digest}`, "is not a kernel version"],
    [`a@md5:${digest}`, "is not a kernel version"],
  ])("refuses %j as a usage error: %s", (text, words) => {
    const error = refusal(text);
    expect(error.code).toBe("usage");
    expect(error.message).toContain(words);
    expect(error.hint).toBeString();
  });

  test("takes a catalog before a slash, and banger's own is the one that is meant without", () => {
    expect(parseReference("acme/a-1:arm64", "x86_64")).toMatchObject({
      catalog: "acme",
      name: "a-1",
      arch: "arm64",
    });
    expect(parseReference("banger/a-1", "x86_64")).toEqual(parseReference("a-1", "x86_64"));
  });

  test("throws nothing but usage errors, and what it takes has a safe name", () => {
    const part = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("a", "6.1", "arm64"));
    fc.assert(
      fc.property(part, part, part, (name, arch, build) => {
        for (const text of [name, `${name}:${arch}`, `${name}@${build}`, `a:${arch}@${build}`]) {
          try {
            expect(parseReference(text, "x86_64").name).toMatch(/^[a-z0-9][a-z0-9.-]{0,63}$/);
          } catch (error) {
            if (!(error instanceof BangerError)) throw error;
            expect(error.code).toBe("usage");
          }
        }
      }),
    );
  });
});
