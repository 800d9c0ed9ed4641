/**
 * What a pull reaches for, seen from the kernel: strace on all of its threads.
 *
 * That a store of another user is refused under sudo, and why, is row 22 of the faults:
 * "a state folder that belongs to the user who ran sudo is refused".
 */
import { expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeCertificates } from "../support/certificates.ts";
import { KernelSandbox, kernelName, manyFilesOf } from "../support/kernel-state.ts";
import { Nginx } from "../support/nginx.ts";
import { straceObstacle, testUnless } from "../support/obstacles.ts";
import { type Reach, reachOf, type Reached } from "../support/reach.ts";

const pull = ["kernel", "pull", kernelName];

/**
 * What the loader and Bun's runtime open before the first line of banger: libraries, the machine's
 * memory and processors, the limits of the cgroup, the time zone.
 */
const startFiles = [
  /^\/etc\/ld\.so\.cache$/,
  /^(?:\/usr)?\/lib(?:64)?\/(?:[a-z0-9_]+-linux-gnu\/)?lib(?:c|m|dl|pthread|rt|gcc_s)\.so\.\d$/,
  /^\/proc\/sys\/vm\/(?:overcommit_memory|mmap_min_addr)$/,
  /^\/sys\/kernel\/mm\/transparent_hugepage\/enabled$/,
  /^\/sys\/devices\/system\/(?:cpu|node)(?:\/|$)/,
  /^\/proc\/self\/(?:maps|cgroup|mountinfo|statm|stat|auxv|exe)$/,
  /^\/proc\/(?:meminfo|cpuinfo|stat)$/,
  /^\/sys\/fs\/cgroup\//,
  /^\/etc\/localtime$/,
];

/** What of this process the runtime and the handling of signals look up later. */
const ownProcess = /^\/proc\/self\/(?:statm|status)$/;

/** What libc reads to find the address of a name. */
const resolverFiles = [
  /^\/etc\/(?:hosts|host\.conf|resolv\.conf|nsswitch\.conf|gai\.conf|services|ld\.so\.cache)$/,
  /^(?:\/usr)?\/lib(?:64)?\/(?:[a-z0-9_]+-linux-gnu\/)?lib(?:nss_[a-z0-9]+|resolv|nsl)\.so\.\d$/,
  /^\/(?:usr\/)?(?:lib|share)(?:64)?\/(?:locale\/|[a-z0-9_-]+\/gconv\/)/,
];

/** The real ones, of the catalog that is compiled in. */
const bundles = resolve(import.meta.dirname, "../../bundles");

/** Where a pull may go besides its state folder. */
interface Allowed {
  readonly opens: readonly (RegExp | string)[];
  readonly addresses: readonly string[];
}

testUnless(
  straceObstacle(),
  "a pull opens its state folder, the certificates and the catalog it was told, asks its mirror, and nothing else",
  async () => {
    using certificates = makeCertificates();
    await using sandbox = new KernelSandbox({ filesOf: manyFilesOf });
    const certificate = certificates.server;
    await using nginx = await Nginx.start({ root: sandbox.mirror, certificate });
    sandbox.setEnv("SSL_CERT_FILE", certificates.caFile);
    sandbox.offer("6.12.1");
    const { port } = new URL(nginx.httpsUrl);
    const files = [certificates.caFile, sandbox.catalog, ownProcess];
    const kinds = [
      { mirror: nginx.httpsUrl, opens: files, addresses: [`127.0.0.1:${port}`] },
      {
        mirror: `https://localhost:${port}`,
        opens: [...files, ...resolverFiles],
        addresses: [`127.0.0.1:${port}`, `[::1]:${port}`, ...nameServers],
      },
      { mirror: sandbox.mirror, opens: [...files.slice(1), `${sandbox.mirror}/`], addresses: [] },
      { mirror: bundles, opens: [`${bundles}/`, ownProcess], addresses: [] },
    ];
    for (const { mirror, ...allowed } of kinds) {
      rmSync(sandbox.state, { recursive: true });
      sandbox.useMirrors(mirror);
      if (mirror === bundles) sandbox.setEnv("BANGER_CATALOG", undefined);
      const reached = await reachOf(ofPull(sandbox));
      expect([mirror, reached.result.stderr, reached.result.exitCode]).toEqual([
        mirror,
        expect.anything(),
        0,
      ]);
      expect(outside(reached, realpathSync(sandbox.state), allowed)).toEqual([]);
      const isAsked = reached.later.some(({ kind }) => kind === "connect");
      expect(isAsked).toBe(mirror.startsWith("https:"));
    }
  },
  240_000,
);

/** Whom libc may ask for the address of localhost: caches and name servers of the machine. */
const nameServers = ["/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"];

function ofPull(sandbox: KernelSandbox): Parameters<typeof reachOf>[0] {
  return {
    file: sandbox.executable,
    args: pull,
    env: sandbox.environment,
    cwd: sandbox.work,
  };
}

/** Whether a path is one of the list, or below a folder of it. */
function fits(path: string, list: readonly (RegExp | string)[]): boolean {
  return list.some((each) =>
    typeof each === "string"
      ? path === each || (each.endsWith("/") && path.startsWith(each))
      : each.test(path),
  );
}

/** What was reached for and is not allowed. */
function outside(
  { atStart, later }: Reached,
  state: string,
  { opens, addresses }: Allowed,
): readonly Reach[] {
  const isBelow = (path: string): boolean => path === state || path.startsWith(`${state}/`);
  const started = atStart.filter(
    ({ kind, what }) => kind !== "open" || !fits(what, [...startFiles, ownProcess]),
  );
  const reached = later.filter(({ kind, what }) => {
    if (kind === "open") return !isBelow(what) && !fits(what, opens);
    if (kind === "change") return !isBelow(what);
    return kind === "forbidden" || !addresses.includes(what);
  });
  return [...started, ...reached];
}

testUnless(
  straceObstacle(),
  "what a program opens, asks and starts elsewhere would be seen",
  async () => {
    const script =
      'umask 022; cat /etc/passwd; mkdir /tmp; exec 3<>/dev/tcp/127.0.0.1/9; echo >"$1/x"';
    await using sandbox = new KernelSandbox();
    const reached = await reachOf({
      file: "/bin/bash",
      args: ["-c", script, "bash", sandbox.work],
      env: sandbox.environment,
      cwd: sandbox.work,
    });
    const found = outside(reached, sandbox.state, { opens: [], addresses: [] });
    const seen = found.map(({ kind, what }) => `${kind} ${what}`);
    for (const each of ["open /etc/passwd", "change /tmp", "connect 127.0.0.1:9"]) {
      expect(seen).toContain(each);
    }
    expect(seen.some((each) => each.startsWith("forbidden execve("))).toBe(true);
    expect(seen).toContain(`open ${sandbox.work}/x`);
    expect(found.find(({ what }) => what.endsWith("/x"))?.mode).toBe(0o666);
  },
  30_000,
);

const commands = [
  pull,
  ["kernel", "import", "own", "--from", "tree", "--distro", "d", "--arch", "x86_64"],
  ["image", "register", "--name", "image", "--rootfs", "rootfs", "--kernel-ref", "own", "--pin"],
  ["kernel", "rollback", kernelName],
  ["kernel", "rm", "--yes", kernelName],
  ["kernel", "gc", "--yes"],
];

for (const { umask, args: all } of [
  { umask: "000", args: commands },
  { umask: "077", args: commands.slice(0, 1) },
]) {
  testUnless(
    straceObstacle(),
    `under umask ${umask} nobody else can write what banger makes, not even for a moment, and all can read what is installed`,
    async () => {
      await using sandbox = new KernelSandbox();
      spawnSync("/usr/sbin/mkfs.ext4", ["-q", join(sandbox.work, "rootfs"), "1M"]);
      sandbox.writeBuild("6.12.1", join(sandbox.work, "tree"));
      rmSync(sandbox.state, { recursive: true });
      for (const [version, args] of [
        ["6.12.1", pull] as const,
        ...all.map((each) => ["6.12.2", each] as const),
      ]) {
        sandbox.offer(version);
        const { result, atStart, later } = await reachOf({ ...ofPull(sandbox), args }, umask);
        expect([args, result.stderr, result.exitCode]).toEqual([args, expect.anything(), 0]);
        const modes = [...atStart, ...later].flatMap(({ what, mode }) =>
          mode === undefined ? [] : [`${mode.toString(8)} ${what}`],
        );
        if (args === pull) expect(modes.length).toBeGreaterThan(10);
        expect(modes.filter((line) => !/^(?:600|644|700|755) /.test(line))).toEqual([]);
        expect(allBelow(sandbox.state).filter((file) => (permissions(file) & 0o022) !== 0)).toEqual(
          [],
        );
      }
      if (all.length > 1) return;
      const tree = allBelow(realpathSync(join(sandbox.state, "kernels", kernelName)));
      const wanted = tree.map((file) => (lstatSync(file).isDirectory() ? 0o755 : 0o644));
      expect(tree.map(permissions)).toEqual(wanted);
    },
    240_000,
  );
}

/** All that is no link. */
function allBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isSymbolicLink())
    .map(({ parentPath, name }) => join(parentPath, name));
}

function permissions(file: string): number {
  return lstatSync(file).mode & 0o7777;
}
