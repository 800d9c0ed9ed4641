import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, textAt, valueAt } from "../support/answers.ts";
import { Publishing, removeCertificates } from "../support/publishing.ts";

let site: Publishing;

beforeAll(async () => {
  site = await Publishing.start("local");
  for (const [name, version] of [
    ["generic-6.1", "6.1.9"],
    ["generic-6.12", "6.12.1"],
  ] as const) {
    await site.importKernel({ version });
    requireExit(await site.publish(name));
  }
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  removeCertificates();
});

function rowsOf(document: unknown): readonly string[] {
  const objects = valueAt(document, "objects");
  if (!Array.isArray(objects)) throw new Error("objects is no list");
  return objects.map(
    (row) => `${textAt(row, "name")} ${textAt(row, "kind")} ${textAt(row, "status")}`,
  );
}

function keyAt(index: number, document: unknown): string {
  return textAt(document, `objects.${index}.key`);
}

describe("check", () => {
  test("says ok of each tarball and sidecar that is as the catalog says", async () => {
    const document = documentOf(await site.maint(["check", "--json"]));
    expect(rowsOf(document)).toEqual([
      "generic-6.1 tarball ok",
      "generic-6.1 boot ok",
      "generic-6.1 build ok",
      "generic-6.12 tarball ok",
      "generic-6.12 boot ok",
      "generic-6.12 build ok",
    ]);
    const { stdout } = requireExit(await site.maint(["check"]));
    expect(stdout).toMatch(/^NAME +ARCH +KIND +STATUS\ngeneric-6\.1 +x86_64 +tarball +ok\n/);
  });

  test("finds a changed byte, a file that is longer, and one that is gone", async () => {
    const document = documentOf(await site.maint(["check", "--json"]));
    const changed = site.object(keyAt(0, document));
    changed[5000] = (changed[5000] ?? 0) ^ 1;
    site.overwrite(keyAt(0, document), changed);
    site.overwrite(keyAt(1, document), `${site.object(keyAt(1, document)).toString()}\n`);
    unlinkSync(join(site.sandbox.environment["RCLONE_BUCKET"] ?? "", keyAt(2, document)));
    const found = documentOf(await site.maint(["check", "--json"]), 4);
    expect(rowsOf(found)).toEqual([
      "generic-6.1 tarball wrong",
      "generic-6.1 boot wrong",
      "generic-6.1 build missing",
      "generic-6.12 tarball ok",
      "generic-6.12 boot ok",
      "generic-6.12 build ok",
    ]);
    expect(textAt(found, "objects.0.problem")).toContain("sha256 is ");
    expect(textAt(found, "objects.1.problem")).toContain("size is ");
    expect(textAt(found, "objects.2.problem")).toContain("answered 404");
    expect(textAt(found, "error.message")).toStartWith("3 of the 6 files of ");
  });

  test("a server that cannot be reached is no proof: exit 5", async () => {
    const elsewhere = join(site.checkout, "elsewhere.json");
    const text = site.catalogText().replaceAll(site.baseUrl, "https://127.0.0.1:1");
    writeFileSync(elsewhere, text);
    const found = documentOf(await site.maint(["check", "--json", "--catalog", elsewhere]), 5);
    expect(rowsOf(found)).toContain("generic-6.1 tarball unreachable");
    expect(textAt(found, "error.code")).toBe("network");
  });

  test("a catalog that is missing is told of", async () => {
    requireExit(await site.maint(["check", "--catalog", join(site.checkout, "none.json")]), 1);
  });
});
