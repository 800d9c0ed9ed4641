import type { Arch } from "../core/arch.ts";

/** The files of banger's guest for one architecture, as `make guest` built them; embedded, or absolute paths. */
export interface GuestFiles {
  /** An ext4 image with init and the scratch file. */
  readonly disk: string;
  /** The same init as an initial RAM filesystem. */
  readonly initramfs: string;
}

/** The guest of each architecture. */
export type Guests = Readonly<Record<Arch, GuestFiles>>;
