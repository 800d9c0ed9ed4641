/**
 * Stands in for QEMU where a test is about something else than a boot: boots nothing, and answers as the
 * guest of a good kernel does, on the console and on the disk. Real boots are in test/e2e/boot.test.ts,
 * kernel-boot.test.ts and publish-gate.test.ts.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes a folder for the PATH whose QEMU is this file.
 *
 * @returns the folder.
 */
export function makeStandInVmm(parent: string): string {
  const folder = join(parent, "stand-in");
  mkdirSync(folder);
  for (const name of ["qemu-system-x86_64", "qemu-system-aarch64"]) {
    const script = `#!/bin/sh\nexec ${process.execPath} ${import.meta.filename} "$@"\n`;
    writeFileSync(join(folder, name), script, { mode: 0o755 });
  }
  return folder;
}

function answer(args: readonly string[]): void {
  const after = (flag: string): string => args[args.indexOf(flag) + 1] ?? "";
  const disk = /file=([^,]+)/.exec(after("-drive"))?.[1] ?? "";
  const blockBytes = 4096;
  const image = readFileSync(disk);
  const at = image.indexOf("banger-answer\n");
  const nonce = image.subarray(at - blockBytes, at);
  const descriptor = openSync(disk, "r+");
  writeSync(descriptor, Uint8Array.from(nonce).reverse(), 0, blockBytes, at);
  closeSync(descriptor);
  const said = [
    "guest 1",
    "fact started_us 1000000",
    `fact realtime_us ${Date.now() * 1000}`,
    "fact clocksource stand-in",
    `fact memory_kib ${Number(after("-m")) * 1000}`,
    ...["root", "block", "config", "network", "vsock", "entropy"].map((id) => `probe ${id} pass`),
    "done",
  ];
  console.log(said.map((line) => `banger-${line}`).join("\n"));
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  if (args.includes("--version")) console.log("QEMU emulator version 0.0.0 (a stand-in)");
  else answer(args);
}
