/** What a build of a kernel is told of, for tests that want a provenance. */
import type { BuildFacts } from "../../src/core/provenance.ts";
import { isKernelVersion } from "../../src/core/kernel-version.ts";
import { isSha256, type Sha256 } from "../../src/core/sha256.ts";

/** A hash of 64 times the same digit. */
export function hashOf(digit: string): Sha256 {
  const text = digit.repeat(64);
  if (!isSha256(text)) throw new Error(`${digit} is no hexadecimal digit`);
  return text;
}

/** A build of a signed Linux 6.12.1. */
export function buildFacts(): BuildFacts {
  const kernelVersion = "6.12.1";
  if (!isKernelVersion(kernelVersion)) throw new Error(`${kernelVersion} is a version`);
  return {
    line: "6.12",
    arch: "x86_64",
    kernelVersion,
    trust: { kind: "signature", holder: "Greg Kroah-Hartman", fingerprint: "A".repeat(40) },
    inputs: [
      {
        kind: "source",
        name: "linux-6.12.1.tar.xz",
        sha256: hashOf("1"),
        uri: "https://example.org/linux",
      },
      { kind: "recipe", name: "6.12.json", sha256: hashOf("2"), uri: undefined },
    ],
    command: ["make", "-C", "SOURCE"],
    environment: { TZ: "UTC" },
    tools: { gcc: "gcc 12" },
    outputs: { vmlinux: hashOf("3"), "kernel.config": hashOf("4") },
    builderVersion: "0.1.0",
  };
}
