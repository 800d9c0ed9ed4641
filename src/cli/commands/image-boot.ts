import type { Command } from "commander";
import { escapeControls } from "../../core/escape.ts";
import { parseImageName } from "../../core/kernel-name.ts";
import type { Run } from "../app.ts";
import { memoryOf, timeoutOf, vmmOf, vmmWords } from "../boot-flags.ts";
import { openImages } from "./image.ts";

interface Options {
  readonly vmm: string;
  readonly mem: string;
  readonly timeout: string;
}

/** `image boot`. */
export function addImageBoot(image: Command, run: Run): void {
  image
    .command("boot")
    .summary("boot an image until its init runs, and tell why if it does not")
    .description(
      "Boot an image's own root filesystem until its init runs. Nothing is written to it. Exit 1 when it does not come so far.",
    )
    .argument("<name>")
    .option("--vmm <vmm>", "auto, firecracker or qemu", "auto")
    .option("--mem <mib>", "memory of the guest", "256")
    .option("--timeout <seconds>", "how long it may take", "60")
    .action(
      run(async (app, [text = ""], options: Options) => {
        const { showImage } = await import("../../ops/image-inspect.ts");
        const { bootImage } = await import("../../ops/boot-image.ts");
        const name = parseImageName(text);
        const images = await openImages(app, "read");
        const report = await bootImage(app.context, {
          image: showImage(app.context, images, name),
          vmm: vmmOf(options.vmm),
          memoryMib: memoryOf(options.mem),
          timeoutS: timeoutOf(options.timeout),
        });
        const { init, vmm, wallMs, cause, console } = report;
        if (init === undefined) app.output.error(`${name} does not boot: ${cause}`, undefined);
        return {
          json: {
            name,
            booted: init !== undefined,
            init: init?.path ?? null,
            kernel_ms: init?.kernelMs ?? null,
            wall_ms: wallMs,
            vmm: { name: vmm.name, machine: vmm.machine, accelerator: vmm.accelerator },
            cause: cause ?? null,
            console: init === undefined ? console : [],
          },
          text:
            init === undefined
              ? console.map(escapeControls).join("\n")
              : `${name}: ${escapeControls(init.path)} runs, after ${((init.kernelMs ?? wallMs) / 1000).toFixed(2)} s in ${vmmWords(vmm)}`,
          exitCode: init === undefined ? 1 : 0,
        };
      }),
    );
}
