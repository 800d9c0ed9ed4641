/** What `kernel show` and `kernel path` tell of how a kernel was built. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { formatProvenance } from "../../src/core/provenance.ts";
import { documentOf, requireExit, valueAt } from "../support/answers.ts";
import { buildFacts, hashOf } from "../support/build-facts.ts";
import { Sandbox } from "../support/sandbox.ts";
import { smallKernel } from "../support/small-kernel.ts";

let sandbox: Sandbox;
const vmlinux = smallKernel();
const config = "CONFIG_VIRTIO_BLK=y\n";
const byHash = formatProvenance({ ...buildFacts(), trust: { kind: "hash" } });

beforeAll(async () => {
  sandbox = new Sandbox();
  sandbox.writeCatalog([
    sandbox.bundle({
      files: {
        vmlinux,
        "kernel.config": config,
        "provenance.json": formatProvenance(buildFacts()),
      },
    }),
    sandbox.bundle({ name: "hashed-6.12", files: { vmlinux, "provenance.json": byHash } }),
    sandbox.bundle({ name: "foreign-6.12", files: { vmlinux, "provenance.json": '{"a": 1}' } }),
    sandbox.bundle({ name: "silent-6.12", files: { vmlinux } }),
  ]);
  sandbox.useMirrors();
  const names = ["generic-6.12", "hashed-6.12", "foreign-6.12", "silent-6.12"];
  requireExit(await sandbox.banger(["kernel", "pull", ...names]));
});
afterAll(() => sandbox.dispose());

const show = async (name: string): Promise<string> => {
  const result = await sandbox.banger(["kernel", "show", name]);
  requireExit(result);
  return result.stdout;
};

describe("kernel show", () => {
  test("tells the source of a kernel, and who signed it", async () => {
    const text = await show("generic-6.12");
    expect(text).toContain("linux-6.12.1.tar.xz, https://example.org/linux");
    expect(text).toContain(hashOf("1"));
    expect(text).toContain(`signed by Greg Kroah-Hartman, ${"A".repeat(40)}`);
    const document = documentOf(await sandbox.banger(["kernel", "show", "generic-6.12", "--json"]));
    expect(valueAt(document, "installed.provenance")).toEqual({
      source: "linux-6.12.1.tar.xz",
      source_uri: "https://example.org/linux",
      source_sha256: hashOf("1"),
      trust: "signature",
      signed_by: "A".repeat(40),
      built_by: "banger 0.1.0",
    });
  });

  test("says so where trust came from the hash alone", async () => {
    expect(await show("hashed-6.12")).toContain("no signature was looked at");
  });

  test("does not guess where there is no provenance, or one of another form", async () => {
    expect(await show("silent-6.12")).not.toContain("built from");
    expect(await show("foreign-6.12")).toContain("in another form than banger's");
    for (const name of ["silent-6.12", "foreign-6.12"]) {
      const document = documentOf(await sandbox.banger(["kernel", "show", name, "--json"]));
      expect(valueAt(document, "installed.provenance")).toBeNull();
    }
  });
});

describe("kernel path", () => {
  test("leads to configuration and provenance, or says that there is none", async () => {
    const pathOf = async (part: string): Promise<string> => {
      const result = await sandbox.banger(["kernel", "path", "generic-6.12", part]);
      requireExit(result);
      return result.stdout.trim();
    };
    expect(readFileSync(await pathOf("config"), "utf8")).toBe(config);
    expect(JSON.parse(readFileSync(await pathOf("provenance"), "utf8"))).toHaveProperty("_type");
    const none = await sandbox.banger(["kernel", "path", "silent-6.12", "config"]);
    requireExit(none, 3);
    expect(none.stderr).toContain("kernel.config");
  });
});
