import { BangerError } from "../core/errors.ts";

/** What one look at the machine found. */
export interface Diagnosis {
  /** What was looked at, as a stable word for programs. */
  readonly check:
    | "state-folder"
    | "disk"
    | "kernels"
    | "images"
    | "catalog"
    | "updates"
    | "proxy"
    | "certificates"
    | "kvm"
    | "qemu"
    | "firecracker";
  readonly ok: boolean;
  readonly message: string;
  /** What to do; always there when `ok` is false. */
  readonly fix?: string | undefined;
}

/** A finding out of what kept banger from looking. @throws what is a bug */
export function problem(check: Diagnosis["check"], error: unknown): Diagnosis {
  if (!(error instanceof BangerError)) throw error;
  return {
    check,
    ok: false,
    message: error.message,
    fix: error.hint ?? "see the message; then run banger doctor again",
  };
}
