import type { Arch } from "../../core/arch.ts";
import { BangerError } from "../../core/errors.ts";
import { findProgram } from "../../io/host.ts";
import type { Context } from "../context.ts";
import type { Kbuild } from "./kbuild.ts";

/** Program → its package in Debian. */
const common: Readonly<Record<string, string>> = {
  bc: "bc",
  bison: "bison",
  flex: "flex",
  make: "make",
  gpgv: "gpgv",
  pahole: "dwarves",
  perl: "perl",
  prlimit: "util-linux",
  setpriv: "util-linux",
  tar: "tar",
  xz: "xz-utils",
  gcc: "gcc",
  ld: "binutils",
  strip: "binutils",
};

/** The cross compilers. */
const crossPackages = {
  x86_64: { prefix: "x86_64-linux-gnu-", packages: "gcc-x86-64-linux-gnu" },
  arm64: { prefix: "aarch64-linux-gnu-", packages: "gcc-aarch64-linux-gnu" },
} as const satisfies Record<Arch, object>;

/** A program that is not there, and Debian's package of it. */
export interface MissingTool {
  readonly program: string;
  readonly package: string;
}

/** The programs of a build that are not there. */
export function missingTools(context: Context, arch: Arch): MissingTool[] {
  const { environment } = context;
  const wanted = new Map(Object.entries(common));
  if (arch !== environment.hostArch) {
    const { prefix, packages } = crossPackages[arch];
    wanted.set(`${prefix}gcc`, packages);
  }
  return [...wanted]
    .filter(([program]) => findProgram(program, environment.variables) === undefined)
    .map(([program, name]) => ({ program, package: name }));
}

/**
 * Makes sure that the programs of a build are there, before anything is downloaded for it.
 *
 * @throws {BangerError} `failed`, naming all that are missing and how to get them.
 */
export function requireTools(context: Context, arch: Arch): void {
  const missing = missingTools(context, arch);
  if (missing.length === 0) return;
  const names = missing.map(({ program }) => program).join(", ");
  const packages = [...new Set(missing.map((tool) => tool.package))].sort().join(" ");
  throw new BangerError("failed", `a kernel cannot be built without ${names}`, {
    hint: `run as root: apt-get install -y --no-install-recommends ${packages} libelf-dev libssl-dev`,
  });
}

/** What the tools whose versions may show in the output say of themselves. */
export async function toolVersions(kbuild: Kbuild): Promise<Readonly<Record<string, string>>> {
  const names = ["gcc", "ld", "as", "strip"].map((name) => `${kbuild.prefix}${name}`);
  const versions: Record<string, string> = {};
  for (const name of [...names, "pahole", "make", "bison", "flex"]) {
    versions[name] = await kbuild.versionOf(name);
  }
  return versions;
}
