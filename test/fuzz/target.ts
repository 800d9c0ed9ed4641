/** What is fuzzed: a parser of foreign bytes, what it is fed with, and what must hold of its answers. */
import { strict as assert } from "node:assert";
import * as fc from "fast-check";
import { BangerError, type ErrorCode } from "../../src/core/errors.ts";

/** What a parser made of an input: `accepted`, `refused` without a code, or the code of its error. */
export type Outcome = "accepted" | "refused" | ErrorCode;

/** A target that is ready to run: files are made, servers listen. */
export interface Session {
  /** Sound inputs, which are changed in many ways. At least one is accepted. */
  readonly corpus: readonly Uint8Array[];
  /** Makes inputs that know the format; what it makes is changed too. */
  readonly structured?: fc.Arbitrary<Uint8Array> | undefined;
  /** Words of the format, put in anywhere. */
  readonly words?: readonly string[] | undefined;
  /**
   * Parses an input, and holds the answer against every oracle there is.
   *
   * @throws {BangerError} with a code of the target's: a refusal. All else is a finding.
   */
  readonly run: (input: Uint8Array) => "accepted" | "refused" | Promise<"accepted" | "refused">;
  readonly stop?: (() => Promise<void> | void) | undefined;
}

export interface FuzzTarget {
  /** In kebab-case: the name of its folder of regressions too. */
  readonly name: string;
  /** The codes that its parser documents. Empty: it never throws. */
  readonly codes: readonly ErrorCode[];
  /** How many inputs `make test` runs. Default 150. */
  readonly testRuns?: number | undefined;
  /** No input is made larger than this, in bytes. Default 1 MiB. */
  readonly maxBytes?: number | undefined;
  /** The parser refuses nothing: whatever it is fed, it has an answer. */
  readonly isTotal?: boolean | undefined;
  /** @param scratch a folder of its own, removed after. */
  readonly start: (scratch: string) => Session | Promise<Session>;
}

/** Runs one input, and tells a refusal that the target documents from a finding. @throws the finding */
export async function judge(
  target: FuzzTarget,
  session: Session,
  input: Uint8Array,
): Promise<Outcome> {
  // Nobody may write into what he is given to read.
  const copy = input.slice();
  try {
    const outcome = await session.run(copy);
    assert.ok(Buffer.compare(copy, input) === 0, "the input was written to");
    return outcome;
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    assert.ok(
      target.codes.includes(error.code),
      `refused with ${error.code}: ${error.message}; expected ${target.codes.join(", ") || "nothing"}`,
    );
    assert.ok(error.message.length < 10_000, `a message of ${error.message.length} characters`);
    return error.code;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** As banger decodes what it reads as text. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Sizes to cut an input into, other ones for each input, and the same whenever it is run. */
export function chunkSizes(input: Uint8Array): readonly number[] {
  const seed = input.subarray(0, 4096).reduce((sum, byte) => (sum * 31 + byte) % 65_521, 7);
  // Byte by byte only what is short.
  return input.length > 65_536 ? [4096 + seed] : [1 + (seed % 7), 1 + (seed % 1500)];
}

/** An input in pieces of one size. */
export function* piecesOf(input: Uint8Array, size: number): Generator<Uint8Array, void> {
  for (let at = 0; at < input.length; at += size) yield input.subarray(at, at + size);
}
