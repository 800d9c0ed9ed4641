import { afterAll, expect } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { documentOf, requireExit, textAt } from "../support/answers.ts";
import { LoopDevice, loopDeviceObstacle } from "../support/loop-device.ts";
import { testUnless } from "../support/obstacles.ts";
import { Publishing, removeCertificates } from "../support/publishing.ts";

afterAll(removeCertificates);

/** Leaves room for so many bytes, about. Root may use what is reserved too. */
function fill(folder: string, leftBytes: number): void {
  const { bfree, bsize } = statfsSync(folder);
  // What is not on the disk yet is only promised room.
  writeFileSync(join(folder, "filler"), new Uint8Array(bfree * bsize - leftBytes), { flush: true });
}

/** Leaves no room for one more file, however small. */
function fillWithFiles(folder: string): void {
  mkdirSync(folder);
  try {
    for (let index = 0; ; index += 1) writeFileSync(join(folder, String(index)), "");
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOSPC") throw error;
  }
}

testUnless(
  loopDeviceObstacle(),
  "a full disk, at the tarball, in the bucket or at the catalog, changes no catalog; with room it goes on",
  async () => {
    using disk = LoopDevice.create("ext4", { sizeMib: 16 });
    await using site = await Publishing.start("local");
    await site.importKernel({ sizeBytes: 2_000_000 });
    const words = ["publish", "generic-6.12:x86_64", "--description", "x", "--json"];
    const refused = async (flags: readonly string[], env = {}): Promise<string> => {
      const document = documentOf(await site.maint([...words, ...flags], env), 1);
      return `${textAt(document, "error.code")}: ${textAt(document, "error.message")}`;
    };

    const out = join(disk.folder, "bundles");
    fill(disk.folder, 500_000);
    expect(await refused(["--out", out])).toStartWith("no-space: cannot write the tarball in ");
    expect(readdirSync(out)).toEqual([]);

    const bucket = join(disk.folder, "bucket");
    mkdirSync(bucket);
    const env = { RCLONE_BUCKET: bucket };
    expect(await refused([], env)).toStartWith("no-space: cannot upload ");
    expect(existsSync(site.catalog)).toBe(false);

    requireExit(await site.publish("generic-6.12", "--no-upload"));
    const catalog = join(disk.folder, "catalog.json");
    rmSync(join(disk.folder, "filler"));
    cpSync(site.catalog, catalog);
    const before = site.catalogText();
    const many = join(disk.folder, "many");
    fillWithFiles(many);
    const change = ["--no-upload", "--description", "another", "--catalog", catalog];
    expect(await refused(change)).toStartWith(`no-space: cannot write ${catalog}`);
    expect(await Bun.file(catalog).text()).toBe(before);

    rmSync(many, { recursive: true });
    requireExit(await site.maint([...words, ...change]));
    rmSync(site.catalog);
    requireExit(await site.publish("generic-6.12"));
    requireExit(await site.maint(["check"]));
    expect(readdirSync(dirname(site.catalog))).toEqual(["catalog.json"]);
  },
  60_000,
);
