import { escapeControls } from "../core/escape.ts";
import type { Arch } from "../core/arch.ts";
import type { Support, SupportEnd } from "../core/support.ts";
import type { Withdrawn } from "../core/withdrawn.ts";
import type { Notices } from "../ops/kernel-notices.ts";
import type { Output } from "./output.ts";

interface Named {
  /** As a reference has it. */
  readonly label: string;
  readonly arch: Arch;
}

/** What programs are told of {@link Notices}. @see docs/formats/cli.md */
export function noticesDocument({
  withdrawn,
  support,
  pastEnd,
}: Notices): Readonly<Record<string, unknown>> {
  return { withdrawn: withdrawn ?? null, support: support ?? null, past_end: pastEnd };
}

/** Warns of an installed kernel that is withdrawn; says nothing of another. */
export function warnOfWithdrawn(output: Output, kernel: Named, notices: Notices | undefined): void {
  const { withdrawn, replacement } = notices ?? {};
  if (withdrawn === undefined) return;
  const instead =
    replacement === undefined
      ? ""
      : `; it is replaced by ${replacement}: banger kernel pull ${replacement}:${kernel.arch}`;
  const words = `${kernel.label}:${kernel.arch} is installed and ${withdrawnWords(withdrawn)}${instead}`;
  output.warn(escapeControls(words));
}

/** Warns of an installed kernel that is past an end of its line; says nothing of another. */
export function warnOfPastEnd(output: Output, kernel: Named, { support, pastEnd }: Notices): void {
  if (pastEnd.length === 0) return;
  output.warn(`${kernel.label}:${kernel.arch} is past its end: ${endsWords(support, pastEnd)}`);
}

/** Like `was withdrawn on 2026-02-03: loses writes`. */
export function withdrawnWords({ since, reason }: Withdrawn): string {
  return `was withdrawn on ${since.slice(0, 10)}: ${reason}`;
}

/** Like `Firecracker supported its line until 2026-09-02`. */
export function endsWords(support: Support | undefined, ends: readonly SupportEnd[]): string {
  const words: Readonly<Record<SupportEnd, string>> = {
    upstream: `kernel.org mended its line until ${support?.upstream_eol ?? "?"}`,
    firecracker: `Firecracker supported its line until ${support?.firecracker_until ?? "?"}`,
  };
  return ends.map((end) => words[end]).join(", ");
}

/** Like `kernel.org until 2028-12-31, Firecracker until 2026-09-02 (over)`. */
export function supportWords({ support, pastEnd }: Notices): string {
  const word = (who: string, end: SupportEnd, day: string | undefined): readonly string[] =>
    day === undefined ? [] : [`${who} until ${day}${pastEnd.includes(end) ? " (over)" : ""}`];
  const words = [
    ...word("kernel.org", "upstream", support?.upstream_eol),
    ...word("Firecracker", "firecracker", support?.firecracker_until),
  ];
  return words.length === 0 ? "not told" : words.join(", ");
}
