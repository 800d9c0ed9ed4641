import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseKconfig, valueOf } from "../../src/core/kconfig.ts";
import { configurationOf, parseRecipe } from "../../src/core/recipe.ts";

const folder = resolve(import.meta.dirname, "../../catalog/recipes");
const lines = readdirSync(folder).filter((name) => name.endsWith(".json"));
const textOf = (name: string) => readFileSync(join(folder, name), "utf8");

describe("the recipes of the catalog", () => {
  test.each(lines)("%s is sound, and its fragments are there", (name) => {
    const recipe = parseRecipe(textOf(name), name);
    expect(`${recipe.line}.json`).toBe(name);
    for (const arch of ["x86_64", "arm64"] as const) {
      const { pins, fragments } = configurationOf(recipe, arch);
      for (const pin of pins) {
        expect(pin.url).toMatch(/\/[0-9a-f]{40}\//);
        expect(pin.url.endsWith(`/${pin.name}`)).toBe(true);
      }
      for (const fragment of fragments) {
        expect(parseKconfig(textOf(fragment), fragment).size).toBeGreaterThan(0);
      }
    }
  });

  test("ask for what a container host, a sandbox and a debugger look for, all of it built in", () => {
    const config = parseKconfig(textOf("generic.config"), "generic.config");
    const wanted =
      "IKCONFIG_PROC NF_TABLES NFT_MASQ NFT_REJECT IP_NF_RAW BRIDGE_NETFILTER VETH OVERLAY_FS TUN WIREGUARD IP_MULTIPLE_TABLES BPF_SYSCALL DEBUG_INFO_BTF SECURITY_LANDLOCK SECCOMP_FILTER FUSE_FS XFS_FS BTRFS_FS SQUASHFS EROFS_FS VIRTIO_FS VSOCKETS_LOOPBACK VIRTIO_BALLOON HW_RANDOM_VIRTIO VIRTIO_MEM VIRTIO_PMEM VIRTIO_PCI CGROUP_BPF MEMCG CPUSETS CGROUP_PIDS USER_NS";
    const absent = wanted.split(" ").filter((symbol) => valueOf(config, symbol) !== "y");
    expect(absent).toEqual([]);
    expect([...config].filter(([, value]) => value === "m")).toEqual([]);
  });
});
