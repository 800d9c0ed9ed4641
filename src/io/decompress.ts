import type { Compression } from "../core/kernel-image.ts";
import { BangerError } from "../core/errors.ts";
import { cleaned, runChild } from "./child.ts";
import type { Variables } from "./environment.ts";
import { decoded, type EncodedSource } from "./decoded.ts";
import { HeldFile } from "./held-file.ts";
import { missingProgram } from "./missing-program.ts";

/** What undoes a compression that the platform does not know. */
interface Tool {
  readonly program: string;
  readonly args: readonly string[];
}

const tools: Readonly<Record<Exclude<Compression, "gzip" | "zstd">, Tool>> = {
  xz: { program: "xz", args: ["-dc"] },
  lzma: { program: "xz", args: ["--format=lzma", "-dc"] },
  bzip2: { program: "bzip2", args: ["-dc"] },
  lz4: { program: "lz4", args: ["-dc"] },
  lzo: { program: "lzop", args: ["-dc"] },
};

const chunkSize = 256 * 1024;

export interface DecompressOptions {
  /** On whose filesystem the result lies. */
  readonly folder: string;
  /** No more comes out. */
  readonly maxBytes: number;
  readonly variables: Variables;
  readonly signal: AbortSignal;
}

/**
 * Decompresses a gzip stream that is small.
 *
 * @param maxBytes no more comes out.
 * @returns undefined when it is damaged, cut short, or holds more than `maxBytes`.
 */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array | undefined {
  try {
    return process.getBuiltinModule("node:zlib").gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch {
    return undefined;
  }
}

/**
 * Decompresses bytes of any format that a kernel is wrapped in, into a file without a name. The decoders
 * of the platform do not always notice that the end is missing: look at what came out.
 *
 * @throws {BangerError} `wrong-image`, when they are damaged or hold more than `maxBytes`; `failed`, when
 * the program for the format is not installed; `io`, `no-space`; the signal's reason.
 */
export async function decompressBytes(
  bytes: Uint8Array,
  format: Compression,
  options: DecompressOptions,
): Promise<HeldFile> {
  const output = HeldFile.nameless(options.folder);
  try {
    if (format === "gzip" || format === "zstd") await decode(bytes, format, output, options);
    else await runTool(tools[format], format, bytes, output, options);
    return output;
  } catch (error) {
    output[Symbol.dispose]();
    throw error;
  }
}

async function decode(
  bytes: Uint8Array,
  format: "gzip" | "zstd",
  output: HeldFile,
  { maxBytes, signal }: DecompressOptions,
): Promise<void> {
  const { createGunzip, createZstdDecompress } = process.getBuiltinModule("node:zlib");
  const decoder = (format === "gzip" ? createGunzip : createZstdDecompress)({ chunkSize });
  let written = 0;
  try {
    for await (const chunk of decoded(decoder, sourceOf(bytes), signal)) {
      written += chunk.length;
      if (written > maxBytes) throw unsound(format, maxBytes);
      output.write(chunk);
    }
  } catch (error) {
    if (error instanceof BangerError || signal.aborted) throw error;
    throw unsound(format, maxBytes);
  }
}

function sourceOf(bytes: Uint8Array): EncodedSource {
  let position = 0;
  return {
    pieceBytes: chunkSize,
    read: (buffer) => {
      const piece = bytes.subarray(position, position + buffer.length);
      buffer.set(piece);
      position += piece.length;
      return piece.length;
    },
  };
}

async function runTool(
  tool: Tool,
  format: Compression,
  bytes: Uint8Array,
  output: HeldFile,
  options: DecompressOptions,
): Promise<void> {
  using written = HeldFile.nameless(options.folder);
  written.write(bytes);
  using input = HeldFile.again(written.descriptor);
  const limit = `--fsize=${options.maxBytes}`;
  const { exitCode, stderr } = await runChild({
    program: "prlimit",
    args: [limit, "--", tool.program, ...tool.args],
    environment: { ...cleaned(options.variables), LC_ALL: "C" },
    stdin: input.descriptor,
    stdout: output.descriptor,
    signal: options.signal,
  });
  if (exitCode === 0) return;
  if (exitCode === 127 || /^prlimit: failed to execute/m.test(stderr)) {
    throw missingProgram(tool.program);
  }
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    throw new BangerError("no-space", `cannot write to ${options.folder}: the disk is full`);
  }
  throw unsound(format, options.maxBytes);
}

function unsound(format: Compression, maxBytes: number): BangerError {
  return new BangerError(
    "wrong-image",
    `the ${format} data is damaged, cut short, or holds more than ${maxBytes} bytes`,
    { hint: "copy or download it again" },
  );
}
