import { qemuTargets } from "../boot/qemu.ts";
import { freeBytes, lookThrough } from "../io/files.ts";
import { findProgram, kvmState } from "../io/host.ts";
import { packageOf } from "../io/missing-program.ts";
import { checkProxy, describeProxy } from "../io/proxy.ts";
import { trustedRoots } from "../io/tls-roots.ts";
import { ImageStore } from "../store/images.ts";
import { KernelStore } from "../store/kernel-store.ts";
import { needsSweep } from "../store/transaction.ts";
import { allScopes } from "./catalog-scope.ts";
import type { Context } from "./context.ts";
import { listImages } from "./image-inspect.ts";
import { diagnoseCatalog } from "./diagnose-catalog.ts";
import { type Diagnosis, problem } from "./diagnosis.ts";
import { isOutdated, type ListedKernel, listInstalled } from "./list.ts";

const lowDiskBytes = 2 ** 30;

/** Looks at everything that banger needs of the machine. Reads only, and never throws for what it finds. */
export async function diagnose(context: Context): Promise<Diagnosis[]> {
  const qemu = qemuTargets[context.environment.hostArch].program;
  return [
    ...(await stateFolder(context)),
    ...(await diagnoseCatalog(context)),
    network(context),
    certificates(context),
    kvm(),
    program(context, "qemu", qemu, `apt-get install ${packageOf(qemu)}`),
    program(
      context,
      "firecracker",
      "firecracker",
      "put the firecracker release binary on PATH (github.com/firecracker-microvm/firecracker/releases)",
    ),
  ];
}

async function stateFolder(context: Context): Promise<Diagnosis[]> {
  const { environment } = context;
  try {
    const store = KernelStore.open(environment, "read");
    const root = store.layout.root;
    const exists = lookThrough(root) !== undefined;
    const folder: Diagnosis = needsSweep(store, environment.uid)
      ? {
          check: "state-folder",
          ok: false,
          message: `${root} holds what a killed banger left`,
          fix: "any command that reads the store clears it up: banger kernel list",
        }
      : {
          check: "state-folder",
          ok: true,
          message: exists ? `${root} is safe to use` : `${root} will be made by the first pull`,
        };
    return [folder, disk(root), ...(await kernels(context)), images(context)];
  } catch (error) {
    return [problem("state-folder", error)];
  }
}

function disk(root: string): Diagnosis {
  let existing = root;
  while (lookThrough(existing) === undefined) existing = existing.replace(/\/[^/]*$/, "") || "/";
  const free = freeBytes(existing);
  const message = `${(free / 2 ** 30).toFixed(1)} GiB free for kernels`;
  return free >= lowDiskBytes
    ? { check: "disk", ok: true, message }
    : { check: "disk", ok: false, message, fix: "free some space: banger kernel gc" };
}

async function kernels(context: Context): Promise<Diagnosis[]> {
  try {
    const listed: ListedKernel[] = [];
    for (const scope of allScopes(context)) {
      const store = KernelStore.open(scope.environment, "read", scope.scope?.name);
      listed.push(...(await listInstalled(scope, store)));
    }
    const findings = [
      ...listed.flatMap(({ kernel }) =>
        "damage" in kernel ? [problem("kernels", kernel.damage)] : [],
      ),
      ...outdatedOf(listed),
      ...listed.flatMap(withdrawnOf),
    ];
    if (findings.length > 0) return findings;
    return [{ check: "kernels", ok: true, message: `${listed.length} installed, all readable` }];
  } catch (error) {
    return [problem("kernels", error)];
  }
}

function outdatedOf(listed: readonly ListedKernel[]): Diagnosis[] {
  const outdated = listed.filter(isOutdated).map(({ kernel }) => kernel);
  if (outdated.length === 0) return [];
  const message = `outdated: ${outdated.map(({ label }) => label).join(" ")}`;
  const fix = `banger kernel pull ${outdated.map(({ label, arch }) => `${label}:${arch}`).join(" ")}`;
  return [{ check: "kernels", ok: false, message, fix }];
}

function withdrawnOf({ kernel, notices }: ListedKernel): Diagnosis[] {
  const { withdrawn, replacement } = notices;
  if (withdrawn === undefined) return [];
  return [
    {
      check: "kernels",
      ok: false,
      message: `${kernel.label} was withdrawn on ${withdrawn.since.slice(0, 10)}: ${withdrawn.reason}`,
      fix:
        replacement === undefined
          ? "use another kernel: banger kernel list --available"
          : `use ${replacement} in its place: banger kernel pull ${replacement}:${kernel.arch}`,
    },
  ];
}

function images(context: Context): Diagnosis {
  try {
    const listed = listImages(context, ImageStore.open(context.environment, "read"));
    const broken = listed.find((image) => image.problem !== undefined);
    if (broken?.problem !== undefined) return problem("images", broken.problem);
    return { check: "images", ok: true, message: `${listed.length} registered, all complete` };
  } catch (error) {
    return problem("images", error);
  }
}

function network(context: Context): Diagnosis {
  const { variables } = context.environment;
  const url = "https://kernels.thaloco.com/";
  try {
    checkProxy(url, variables);
  } catch (error) {
    return problem("proxy", error);
  }
  const proxy = describeProxy(url, variables);
  return {
    check: "proxy",
    ok: true,
    message: proxy === undefined ? "no proxy is set" : `downloads go through ${proxy}`,
  };
}

function certificates(context: Context): Diagnosis {
  try {
    const roots = trustedRoots(context.environment.variables);
    if (roots !== undefined && roots.length > 0) {
      return {
        check: "certificates",
        ok: true,
        message: "the system's certificate authorities are used",
      };
    }
    return {
      check: "certificates",
      ok: false,
      message: "the system names no certificate authorities; those built into banger are used",
      fix: "apt-get install ca-certificates",
    };
  } catch (error) {
    return problem("certificates", error);
  }
}

function kvm(): Diagnosis {
  switch (kvmState()) {
    case "usable":
      return { check: "kvm", ok: true, message: "/dev/kvm opens" };
    case "forbidden":
      return {
        check: "kvm",
        ok: false,
        message: "/dev/kvm is there, but you may not open it",
        fix: "sudo usermod -aG kvm $USER, then log in again",
      };
    case "absent":
      return {
        check: "kvm",
        ok: false,
        message: "there is no /dev/kvm: microVMs will not start here",
        fix: "turn on virtualisation in the firmware, or nested virtualisation on the host",
      };
  }
}

function program(
  context: Context,
  check: "qemu" | "firecracker",
  name: string,
  fix: string,
): Diagnosis {
  const file = findProgram(name, context.environment.variables);
  return file === undefined
    ? { check, ok: false, message: `${name} is not on PATH`, fix }
    : { check, ok: true, message: file };
}
