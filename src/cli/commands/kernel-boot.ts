import type { Command } from "commander";
import type { ProbeStatus } from "../../core/boot-probes.ts";
import { escapeControls } from "../../core/escape.ts";
import type { BootReport } from "../../ops/boot-kernel.ts";
import { type App, archOf, pathOf, referenceOf, type Run, type Shown } from "../app.ts";
import { devicesOf, memoryOf, moreBootArgsOf, oneOf, timeoutOf, vmmOf } from "../boot-flags.ts";
import type { Output } from "../output.ts";
import { renderFields } from "../table.ts";

interface Options {
  readonly arch?: string;
  readonly vmm: string;
  readonly root: string;
  readonly initrd?: string;
  readonly mem?: string;
  readonly timeout: string;
  readonly bootArgs?: string;
  readonly without?: string;
}

/** `kernel boot`. */
export function addKernelBoot(kernel: Command, run: Run): void {
  kernel
    .command("boot")
    .summary("boot a kernel in a virtual machine, and see what works")
    .description(
      "Boot a kernel with banger's own guest, which tries out disk, network, vsock, entropy, clock and power-off from the inside. Needs Firecracker and KVM, or QEMU; no root. Exit 1 when the kernel does not prove itself, 4 when it is no kernel.",
    )
    .argument("<name|file>", "an installed kernel, NAME[:ARCH][@BUILD], or a file")
    .option("--arch <arch>", "the architecture, when it is not this machine's")
    .option("--vmm <vmm>", "auto, firecracker or qemu", "auto")
    .option("--root <root>", "disk, or initramfs to boot without a root device", "disk")
    .option("--initrd <file>", "boot with this initrd; default: the kernel's own, if it has one")
    .option("--mem <mib>", "memory of the guest; default: what the kernel needs, at least 256")
    .option("--timeout <seconds>", "how long it may take", "60")
    .option("--boot-args <text>", "further arguments for the kernel")
    .option("--without <devices>", "leave out disk, network or entropy, parted by commas")
    .action(
      run(async (app, [name = ""], options: Options) => {
        const { kernelTarget } = await import("../../ops/kernel-target.ts");
        const { bootKernel } = await import("../../ops/boot-kernel.ts");
        const target = await kernelTarget(app.context, name, archOf(options.arch), (text) =>
          referenceOf(app, text, options.arch),
        );
        const report = await bootKernel(app.context, {
          target,
          vmm: vmmOf(options.vmm),
          root: oneOf(["disk", "initramfs"], options.root, "--root"),
          initrd: options.initrd === undefined ? undefined : pathOf(options.initrd, "--initrd"),
          memoryMib: options.mem === undefined ? undefined : memoryOf(options.mem),
          timeoutS: timeoutOf(options.timeout),
          bootArgs: moreBootArgsOf(options.bootArgs),
          without: devicesOf(options.without),
        });
        return shown(app, name, report);
      }),
    );
}

const marks: Readonly<Record<ProbeStatus, string>> = {
  pass: "pass",
  fail: "FAIL",
  absent: "none",
  "not-testable": "?",
};

function shown(app: App, name: string, report: BootReport): Shown {
  const { proven, cause } = report;
  if (!proven) {
    app.output.error(`${name} does not prove itself: ${cause ?? "see its probes"}`, undefined);
  }
  return {
    json: document(name, report),
    text: summary(app.output, name, report),
    exitCode: proven ? 0 : 1,
  };
}

/** @see docs/formats/cli.md */
function document(name: string, report: BootReport): unknown {
  const { facts, vmm } = report;
  return {
    name,
    sha256: facts.sha256,
    arch: facts.arch,
    kernel_version: facts.version,
    proven: report.proven,
    vmm: {
      name: vmm.name,
      version: report.vmmVersion,
      machine: vmm.machine,
      accelerator: vmm.accelerator,
    },
    root: report.root,
    memory_mib: report.memoryMib,
    kernel_ms: report.kernelMs ?? null,
    wall_ms: report.wallMs,
    probes: report.probes,
    cause: report.cause ?? null,
    console: report.proven ? [] : report.console,
  };
}

function summary(output: Output, name: string, report: BootReport): string {
  const { facts, vmm, kernelMs, wallMs } = report;
  const fields: (readonly [string, string])[] = [
    ["kernel", `${name}, Linux ${facts.banner.release} for ${facts.arch}`],
    ["machine", `${vmm.name} ${report.vmmVersion}, ${vmm.machine}, ${vmm.accelerator}`],
    ["guest", `${report.memoryMib} MiB, root from ${report.root}`],
    [
      "to init",
      kernelMs === undefined ? "not reached" : `${seconds(kernelMs)} on the guest's clock`,
    ],
    ["in all", seconds(wallMs)],
  ];
  // Where there was no guest to answer, the cause says it all.
  const answered = report.probes.filter(({ detail }) => detail !== "no answer");
  const rows = answered.map(
    ({ id, status, detail }) => `  ${marks[status].padEnd(4)}  ${id.padEnd(9)}  ${detail}`,
  );
  const tail = report.proven
    ? []
    : [output.paint("bold", "Console"), ...report.console.map((line) => `  ${line}`)];
  return [
    renderFields(output, fields),
    output.paint("bold", "Probes"),
    ...[...rows, ...tail].map(escapeControls),
    report.proven ? "proven" : "not proven",
  ].join("\n");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
