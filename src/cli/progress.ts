import { escapeControls } from "../core/escape.ts";
import { formatBytes } from "../core/sizes.ts";
import { monotonicMs } from "../io/clock.ts";
import type { Progress } from "../ops/context.ts";
import { vmmWords } from "./boot-flags.ts";
import type { Output } from "./output.ts";

const redrawMs = 100;

/** Puts what an operation reports into words: a live line on a terminal, a line a stage elsewhere. */
export class ProgressLine {
  readonly #output: Output;
  #startedMs = 0;
  #startBytes = 0;
  #drawnMs = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  readonly report = (progress: Progress): void => {
    switch (progress.kind) {
      case "bytes":
        this.#bytes(progress.name, progress.stage, progress.doneBytes, progress.totalBytes);
        return;
      case "download":
        this.#startedMs = monotonicMs();
        this.#startBytes = progress.resumedBytes;
        this.#output.note(
          `${progress.name}: downloading ${formatBytes(progress.totalBytes)} from ${escapeControls(progress.source)}${
            progress.resumedBytes > 0 ? `, going on at ${formatBytes(progress.resumedBytes)}` : ""
          }`,
        );
        return;
      case "stage":
        this.#startedMs = monotonicMs();
        this.#startBytes = 0;
        this.#output.note(`${progress.name}: ${stageWords[progress.stage]}`);
        return;
      case "waiting":
        this.#output.note(`${progress.name}: waiting for ${escapeControls(progress.holder)}`);
        return;
      case "retry":
        this.#output.note(
          `${progress.name}: ${escapeControls(progress.failure.message)}; trying again in ${(progress.delayMs / 1000).toFixed(1)} s`,
        );
        return;
      case "source-failed":
        this.#output.warn(
          `${progress.name}: ${escapeControls(progress.source)} is no help: ${escapeControls(progress.failure.message)}`,
        );
        return;
      case "step":
        this.#output.note(`${progress.name}: ${escapeControls(progress.text)}`);
        return;
      case "line":
        this.#line(`${progress.name}: ${escapeControls(progress.text)}`);
        return;
      case "publish":
        this.#startedMs = monotonicMs();
        this.#startBytes = 0;
        this.#output.note(
          `${progress.name}: ${publishWords[progress.step]} ${escapeControls(progress.where)}`,
        );
        return;
      case "catalog-fault":
        this.#output.warn(
          `${escapeControls(progress.failure.message)}; ${escapeControls(progress.failure.hint ?? "")}`,
        );
        return;
      case "damaged":
        this.#output.warn(`${progress.name}: the installed files are damaged; installing it again`);
        return;
      case "boot":
        this.#output.note(`${escapeControls(progress.name)}: booting in ${vmmWords(progress.vmm)}`);
        return;
      case "kvm-passed-over":
        this.#output.note(
          `${escapeControls(progress.name)}: nothing is heard from ${vmmWords(progress.vmm)}; trying without`,
        );
        return;
      case "foreign-config":
        this.#output.note(
          `${escapeControls(progress.file)} ${progress.version === undefined ? "cannot be read as a configuration" : `is of Linux ${escapeControls(progress.version)}`}, and is passed over`,
        );
        return;
      case "left-out":
        this.#output.note(
          `${progress.name}: left out ${progress.paths.join(", ")}: links to where the kernel was built`,
        );
        return;
    }
  };

  #bytes(name: string, stage: keyof typeof liveWords, doneBytes: number, totalBytes: number): void {
    if (!this.#isDue()) return;
    const nowMs = this.#drawnMs;
    const percent = totalBytes === 0 ? 100 : Math.floor((100 * doneBytes) / totalBytes);
    const elapsedS = (nowMs - this.#startedMs) / 1000;
    const rate = (doneBytes - this.#startBytes) / Math.max(elapsedS, 0.001);
    const left = rate > 0 ? Math.ceil((totalBytes - doneBytes) / rate) : 0;
    this.#draw(
      `${name}: ${liveWords[stage]} ${percent} % of ${formatBytes(totalBytes)}, ${formatBytes(Math.round(rate))}/s, ${left} s left`,
    );
  }

  #line(text: string): void {
    if (this.#isDue()) this.#draw(text);
  }

  /** Whether it is time to draw again; a terminal that is drawn on all the time is no help. */
  #isDue(): boolean {
    if (!this.#output.isLive) return false;
    const nowMs = monotonicMs();
    if (nowMs - this.#drawnMs < redrawMs) return false;
    this.#drawnMs = nowMs;
    return true;
  }

  #draw(text: string): void {
    this.#output.draw(text.slice(0, (this.#output.errorColumns ?? 80) - 1));
  }
}

const stageWords = {
  verify: "verifying",
  unpack: "verified; unpacking",
  install: "installing",
} as const;

const publishWords = {
  pack: "packing into",
  upload: "uploading to",
  present: "is there already:",
  torso: "removing what an upload that broke off left:",
  check: "fetching and comparing",
  delete: "deleting",
} as const;

const liveWords = { download: "downloading", unpack: "unpacking", verify: "verifying" } as const;
