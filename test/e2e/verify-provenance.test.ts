/** `kernel verify --provenance`: who vouches for an installed kernel, and what an attacker can change. */
import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { hashOf } from "../support/build-facts.ts";
import {
  chainOf,
  provenanceText,
  provenBundle,
  releaseKey,
  rewrite,
} from "../support/provenance-world.ts";
import { Sandbox, smallKernel } from "../support/sandbox.ts";
import { inDays } from "../support/signed-repository.ts";
import { catalogText, useUpdateWorlds } from "../support/update-world.ts";

const checkout = resolve(import.meta.dirname, "../..");
const name = "generic-6.12";
const host = useUpdateWorlds();

/** What is to be said of a kernel that was pulled from a signed catalog and left alone. */
const whole = {
  catalog: "verified",
  tarball: "stated",
  manifest: "verified",
  vmlinux: "verified",
  provenance: "stated",
  source: "stated",
  boot: "stated",
};
const unnamed = { catalog: "missing", tarball: "missing", vmlinux: "missing", boot: "missing" };

let sandbox: Sandbox;
let folder = "";

/** Signs a catalog of these kernels, updates to it, and pulls them. */
async function pullSigned(serial: number, ...entries: ReturnType<typeof provenBundle>[]) {
  host.world.repository.publish(catalogText(serial, entries));
  documentOf(await host.world.update());
  sandbox.useMirrors(sandbox.mirror, host.world.nginx.url);
  const names = entries.map((entry) => entry.name);
  requireExit(await sandbox.banger(["kernel", "pull", ...names]));
}

beforeEach(() => {
  ({ sandbox } = host.world);
  folder = join(sandbox.state, "kernels", name);
});

describe("kernel verify --provenance", () => {
  test("tells link by link what is verified and what is only stated, and changes and asks nothing", async () => {
    await pullSigned(1001, provenBundle(sandbox));
    const before = { state: sandbox.snapshot(), asked: host.world.nginx.requests().length };
    const { status, detail } = await chainOf(sandbox, name);
    expect(status).toEqual(whole);
    expect(Object.keys(status)).toEqual(Object.keys(whole));
    expect(detail["catalog"]).toMatch(/^catalog 1001 is signed by 2 of the keys .*, 2 needed$/);
    expect(detail["tarball"]).toContain("is not kept");
    expect(detail["manifest"]).toContain("who can write here can rewrite it");
    expect(detail["provenance"]).toContain("nothing signed names the file itself");
    expect(detail["source"]).toContain("looked at nobody's signature");
    expect(detail["boot"]).toContain("it booted in qemu-microvm/tcg 1.36 s");
    const { stdout } = requireExit(await sandbox.banger(["kernel", "verify", "--provenance"]));
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe(`${name} (x86_64)`);
    expect(lines.slice(1).map((line) => line.trim().split(/ +/).slice(0, 2))).toEqual(
      Object.entries(whole),
    );
    expect(sandbox.snapshot()).toEqual(before.state);
    expect(host.world.nginx.requests()).toHaveLength(before.asked);
  });

  test("believes a claim that a release key signed the source no further than a claim", async () => {
    const files = { "provenance.json": provenanceText({ trust: releaseKey }) };
    await pullSigned(1001, provenBundle(sandbox, { files }));
    const { status, detail } = await chainOf(sandbox, name);
    expect(status).toEqual(whole);
    expect(detail["source"]).toContain(`Greg Kroah-Hartman has signed it with the release key`);
    expect(detail["source"]).toContain("the signature is not here");
  });

  test("says that a signature is past its time, and that the embedded catalog and a file have none", async () => {
    const { repository } = host.world;
    repository.state.timestamp.expires = inDays(-3);
    const entry = provenBundle(sandbox);
    repository.publish(catalogText(1001, [entry]));
    documentOf(await host.world.update("--from", repository.folder, "--accept-expired"));
    sandbox.useMirrors();
    requireExit(await sandbox.banger(["kernel", "pull", name]));
    const { status, detail } = await chainOf(sandbox, name);
    expect(status).toEqual(whole);
    expect(detail["catalog"]).toContain(`its time ended on ${repository.state.timestamp.expires}`);

    sandbox.writeCatalog([entry]);
    const file = await chainOf(sandbox, name);
    expect(file.status).toEqual({ ...whole, catalog: "missing" });
    expect(file.detail["catalog"]).toContain("nobody has signed it");
  });

  test("of a kernel of the embedded catalog says that the executable is trusted, until that catalog comes signed", async () => {
    sandbox.useMirrors(join(checkout, "bundles"), host.world.nginx.url);
    requireExit(await sandbox.banger(["kernel", "pull", name]));
    const { status, detail } = await chainOf(sandbox, name);
    expect(status).toEqual({ ...whole, catalog: "stated" });
    expect(detail["catalog"]).toContain("as good as the executable");
    host.world.repository.publish(readFileSync(join(checkout, "catalog/catalog.json"), "utf8"));
    expect(documentOf(await host.world.update())).toMatchObject({ from: "embedded" });
    expect((await chainOf(sandbox, name)).status).toEqual(whole);
  });

  test("says what is missing of an import, of a kernel that the catalog lost, and of another build", async () => {
    const entry = provenBundle(sandbox);
    await pullSigned(1001, entry);
    sandbox.write("stranger", smallKernel({ seed: "stranger" }));
    const words = ["--distro", "mine", "--arch", "x86_64", "--from", "stranger"];
    requireExit(await sandbox.banger(["kernel", "import", "mine-1.0", ...words]));
    const imported = await chainOf(sandbox, "mine-1.0");
    const bare = { ...unnamed, manifest: "verified", provenance: "missing", source: "missing" };
    expect(imported.status).toEqual(bare);
    expect(imported.detail["catalog"]).toContain("it was imported");

    host.world.repository.publish(catalogText(1002));
    documentOf(await host.world.update());
    const unlisted = await chainOf(sandbox, name);
    expect(unlisted.status).toEqual({ ...whole, ...unnamed });
    expect(unlisted.detail["catalog"]).toBe(`catalog 1002 has no ${name} for x86_64`);

    const next = sandbox.bundle({ version: "6.12.2" });
    host.world.repository.publish(catalogText(1003, [next]));
    documentOf(await host.world.update());
    const outdated = await chainOf(sandbox, name);
    expect(outdated.status).toEqual({ ...whole, ...unnamed });
    expect(outdated.detail["catalog"]).toContain("catalog 1003 names another build, Linux 6.12.2");
  });

  test("knows an import whose vmlinux the catalog names by its hash", async () => {
    await pullSigned(1001, provenBundle(sandbox));
    sandbox.write("copy/vmlinux", readFileSync(join(folder, "vmlinux")));
    requireExit(await sandbox.banger(["kernel", "rm", name]));
    const words = ["--distro", "generic", "--arch", "x86_64", "--from", "copy"];
    requireExit(await sandbox.banger(["kernel", "import", name, ...words]));
    const { status } = await chainOf(sandbox, name);
    const lacks = { tarball: "missing", provenance: "missing", source: "missing" };
    expect(status).toEqual({ ...whole, ...lacks });
  });

  test("without a hash of vmlinux in the catalog has nothing but the manifest to compare with", async () => {
    const { vmlinux_sha256: _, boot: _boot, ...entry } = provenBundle(sandbox);
    await pullSigned(1001, entry);
    rewrite(sandbox, "vmlinux", smallKernel({ seed: "evil" }));
    for (const foreign of ["{}", " ".repeat(2 ** 20 + 1)]) {
      rewrite(sandbox, "provenance.json", foreign);
      const { status, detail } = await chainOf(sandbox, name);
      expect(status).toEqual({ ...whole, vmlinux: "missing", source: "missing", boot: "missing" });
      expect(detail["vmlinux"]).toContain("the manifest alone says what it was");
      expect(detail["provenance"]).toContain("nothing of it was looked at");
      requireExit(await sandbox.banger(["kernel", "show", name]));
    }
  });

  const forger = { holder: "Greg Kroah-Hartman", fingerprint: "A".repeat(40) };
  test.each<[string, Partial<typeof whole>, RegExp, () => void]>([
    [
      "a file that is damaged",
      { manifest: "failed", provenance: "failed", source: "missing" },
      /kernel\.config \(changed\)/,
      () => writeFileSync(join(folder, "kernel.config"), "damage"),
    ],
    [
      "a vmlinux for which the manifest was rewritten",
      { vmlinux: "failed", provenance: "failed", source: "missing", boot: "missing" },
      /vmlinux \(its sha256 is [0-9a-f]{64}, catalog 1001 names [0-9a-f]{64}\)/,
      () => rewrite(sandbox, "vmlinux", smallKernel({ seed: "evil" })),
    ],
    [
      "a vmlinux that is gone",
      { vmlinux: "failed", manifest: "failed", provenance: "failed", source: "missing" },
      /vmlinux \(it is not there\)/,
      () => rmSync(join(folder, "vmlinux")),
    ],
    [
      "a provenance that was changed",
      { manifest: "failed", provenance: "failed", source: "missing" },
      /provenance\.json is not the one that was installed/,
      () => writeFileSync(join(folder, "provenance.json"), provenanceText({ trust: releaseKey })),
    ],
    [
      "a provenance that is gone",
      { manifest: "failed", provenance: "failed", source: "missing" },
      /provenance\.json \(missing\)/,
      () => rmSync(join(folder, "provenance.json")),
    ],
    [
      "a provenance of another vmlinux, for which the manifest was rewritten",
      { provenance: "failed", source: "missing" },
      /speaks of another vmlinux: sha256 3{64}/,
      () =>
        rewrite(sandbox, "provenance.json", provenanceText({ outputs: { vmlinux: hashOf("3") } })),
    ],
    [
      "a provenance that speaks of no vmlinux",
      { provenance: "failed", source: "missing" },
      /does not speak of a vmlinux/,
      () => rewrite(sandbox, "provenance.json", provenanceText({ outputs: {} })),
    ],
    [
      "a provenance of another architecture",
      { provenance: "failed", source: "missing" },
      /speaks of a kernel for arm64/,
      () => rewrite(sandbox, "provenance.json", provenanceText({ arch: "arm64" })),
    ],
    [
      "a source that a stranger signed",
      { source: "failed" },
      /which is none of kernel\.org's release keys/,
      () =>
        rewrite(
          sandbox,
          "provenance.json",
          provenanceText({ trust: { kind: "signature", ...forger } }),
        ),
    ],
    [
      "a source that one signed with the key of another",
      { source: "failed" },
      /which is the key of Greg Kroah-Hartman/,
      () =>
        rewrite(
          sandbox,
          "provenance.json",
          provenanceText({ trust: { ...releaseKey, holder: "Linus Torvalds" } }),
        ),
    ],
    [
      "a forged catalog in the state folder",
      { catalog: "failed", tarball: "missing", vmlinux: "missing", boot: "missing" },
      /catalog \(.*banger\.json is of no use/,
      () => {
        const file = join(sandbox.state, "catalogs/banger.json");
        const text = readFileSync(file, "utf8");
        writeFileSync(file, text.replace('\\"serial\\": 1001', '\\"serial\\": 1009'));
      },
    ],
  ])("finds %s, with exit 4", async (_what, changes, words, damage) => {
    await pullSigned(1001, provenBundle(sandbox));
    damage();
    const before = sandbox.snapshot();
    const { status } = await chainOf(sandbox, name, 4);
    expect(status).toMatchObject(changes);
    const result = await sandbox.banger(["kernel", "verify", "--provenance", name]);
    const failed = Object.entries(status).filter(([, word]) => word === "failed");
    for (const [link] of failed) expect(result.stdout).toMatch(new RegExp(`${link} +failed `));
    expect(requireExit(result, 4).stderr).toMatch(words);
    expect(sandbox.snapshot()).toEqual(before);
  });

  test("cannot tell a provenance that was rewritten with its manifest, and so never says that it is verified", async () => {
    await pullSigned(1001, provenBundle(sandbox));
    rewrite(sandbox, "provenance.json", provenanceText({ trust: releaseKey }));
    expect((await chainOf(sandbox, name)).status).toEqual(whole);
  });

  test("says that nobody vouches for a kernel whose manifest was made to name another tarball", async () => {
    const entry = provenBundle(sandbox);
    await pullSigned(1001, entry);
    rewrite(sandbox, "vmlinux", smallKernel({ seed: "evil" }));
    rmSync(join(folder, "provenance.json"));
    const manifest = join(folder, "manifest.json");
    const text = readFileSync(manifest, "utf8").replace(entry.tarball_sha256, hashOf("b"));
    writeFileSync(manifest, text.replace(/,\s+\{\s+"path": "provenance.json"[^}]*\}/, ""));
    const { status, detail } = await chainOf(sandbox, name);
    expect(status).toMatchObject(unnamed);
    expect(detail["catalog"]).toContain("names another build");
  });

  test("goes on with the other kernels, and with one whose manifest cannot be read", async () => {
    await pullSigned(1001, provenBundle(sandbox), provenBundle(sandbox, { name: "other-1.0" }));
    writeFileSync(join(sandbox.state, "kernels/other-1.0/manifest.json"), "{}");
    const words = ["kernel", "verify", "--provenance", "--json"];
    const document = documentOf(await sandbox.banger(words), 4);
    expect(valueAt(document, "kernels.0.ok")).toBe(true);
    expect(textAt(document, "kernels.1.error.code")).toBe("verification-failed");
  });
});
