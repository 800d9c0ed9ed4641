import type { Arch } from "./arch.ts";
import { BangerError } from "./errors.ts";
import { escapeControls } from "./escape.ts";

/** What a microVM should be; numbers and names as the user gave them, not yet checked. */
export interface MicrovmInput {
  readonly arch: Arch;
  /** A relative path is one from Firecracker's working folder; so are the others. */
  readonly kernelPath: string;
  readonly initrdPath?: string | undefined;
  readonly rootfsPath: string;
  readonly readOnly: boolean;
  /** In place of the default arguments for `arch`. */
  readonly bootArgs?: string | undefined;
  readonly vcpuCount: number;
  readonly memSizeMib: number;
  /** The host's tap device; without one there is no network. */
  readonly tap?: string | undefined;
  /** The guest's MAC address; only with `tap`. */
  readonly mac?: string | undefined;
  readonly vsock?: { readonly guestCid: number; readonly udsPath: string } | undefined;
}

/**
 * The document for `firecracker --config-file`, with the keys in Firecracker's spelling.
 *
 * @see https://github.com/firecracker-microvm/firecracker/blob/v1.16.1/src/firecracker/swagger/firecracker.yaml
 *   FullVmConfiguration
 */
export interface FirecrackerConfig {
  readonly "boot-source": {
    readonly kernel_image_path: string;
    readonly boot_args: string;
    readonly initrd_path?: string;
  };
  readonly drives: readonly {
    readonly drive_id: "rootfs";
    readonly path_on_host: string;
    readonly is_root_device: true;
    readonly is_read_only: boolean;
  }[];
  readonly "machine-config": { readonly vcpu_count: number; readonly mem_size_mib: number };
  readonly "network-interfaces"?: readonly {
    readonly iface_id: "eth0";
    readonly host_dev_name: string;
    readonly guest_mac?: string;
  }[];
  readonly vsock?: { readonly guest_cid: number; readonly uds_path: string };
}

/** The boot arguments with which the console works and a panic ends the microVM. */
export const defaultBootArgs: Readonly<Record<Arch, string>> = {
  x86_64: "console=ttyS0 reboot=k panic=1",
  arm64: "keep_bootcon console=ttyS0 reboot=k panic=1",
};

/**
 * The longest boot arguments, in bytes. Firecracker holds 2048 with the NUL that ends them, and
 * itself adds ` pci=off root=/dev/vda rw` and up to 37 bytes for each of the three devices that
 * this configuration can have (x86_64), or for the early console (arm64); 256 bytes stay free.
 *
 * @see https://github.com/firecracker-microvm/firecracker/blob/v1.16.1/src/vmm/src/arch/x86_64/layout.rs
 *   CMDLINE_MAX_SIZE
 */
export const maxBootArgsBytes: number = 2048 - 256;

// 1022 GiB: all that Firecracker's memory layout has addresses for.
const maxMemSizeMib = 1022 * 1024;

function usage(message: string, hint?: string): never {
  throw new BangerError("usage", message, { hint });
}

/** How a message shows what the user gave. */
function quote(text: string): string {
  return `"${escapeControls(text.length > 100 ? `${text.slice(0, 100)}…` : text)}"`;
}

function requireInteger(what: string, value: number, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    usage(`${what} is ${value}, expected a whole number from ${least} to ${most}`);
  }
  return value;
}

/** A path goes into JSON and then into a system call: no NUL, and nothing that UTF-8 cannot say. */
function requirePath(what: string, path: string): string {
  if (path === "") usage(`${what} is empty`);
  if (path.includes("\0") || !path.isWellFormed()) {
    usage(`${what} ${quote(path)} holds characters that no path has in JSON`);
  }
  return path;
}

function requireBootArgs(bootArgs: string): string {
  if (!/^[\x20-\x7e]*$/.test(bootArgs)) {
    usage(`boot arguments ${quote(bootArgs)} hold characters other than printable ASCII`);
  }
  if (bootArgs.length > maxBootArgsBytes) {
    usage(
      `boot arguments are ${bootArgs.length} bytes, expected at most ${maxBootArgsBytes}`,
      "Firecracker holds 2048 bytes, and needs the rest for arguments of its own",
    );
  }
  return bootArgs;
}

/**
 * A name that Linux gives to one device: `%` would make the kernel pick another.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/net/core/dev.c dev_valid_name
 */
function requireTap(tap: string): string {
  if (!/^[\x21-\x7e]{1,15}$/.test(tap) || /[/:%]/.test(tap) || tap === "." || tap === "..") {
    usage(
      `tap device ${quote(tap)} is not a name that a network device can have`,
      "1 to 15 printable ASCII characters without space, slash, colon and percent sign",
    );
  }
  return tap;
}

function requireMac(mac: string): string {
  const lower = mac.toLowerCase();
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(lower)) {
    usage(`MAC address ${quote(mac)} is not six pairs of hexadecimal digits with colons between`);
  }
  if (Number.parseInt(lower.slice(0, 2), 16) % 2 === 1) {
    usage(
      `MAC address ${lower} is a multicast address, which no device can have`,
      "make the first pair even: 06:00:ac:10:00:02",
    );
  }
  if (lower === "00:00:00:00:00:00") usage(`MAC address ${lower} is all zeros`);
  return lower;
}

/** The bytes of `text` in UTF-8; `text` is well formed. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}

/**
 * 0 to 2 and 2^32 - 1 are addresses with a meaning of their own. The path must fit `sun_path`.
 *
 * @see https://man7.org/linux/man-pages/man7/vsock.7.html
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
function requireVsock(guestCid: number, udsPath: string): { guest_cid: number; uds_path: string } {
  const guest_cid = requireInteger("vsock guest CID", guestCid, 3, 2 ** 32 - 2);
  const uds_path = requirePath("vsock socket path", udsPath);
  const bytes = utf8Bytes(uds_path);
  if (bytes > 107) {
    usage(
      `vsock socket path is ${bytes} bytes, expected at most 107`,
      "a Unix socket cannot have a longer path; a relative one is from Firecracker's working folder",
    );
  }
  return { guest_cid, uds_path };
}

/**
 * Makes the document for `firecracker --config-file`: one microVM with one root drive.
 *
 * `root=`, `ro` or `rw`, and `pci=off` are not in the boot arguments, since Firecracker adds them.
 *
 * @throws BangerError `usage` for a value that Firecracker or Linux would refuse later: vCPUs
 *   (1 to 32), memory (1 MiB to 1022 GiB), boot arguments (`maxBootArgsBytes`, printable ASCII), tap
 *   name, MAC address, guest CID (3 to 2^32 - 2), socket path (107 bytes), an empty path.
 * @see https://github.com/firecracker-microvm/firecracker/blob/v1.16.1/docs/getting-started.md
 */
export function firecrackerConfig(input: MicrovmInput): FirecrackerConfig {
  const { arch, initrdPath, tap, mac, vsock } = input;
  if (mac !== undefined && tap === undefined) {
    usage(`MAC address ${quote(mac)} is given without a tap device`, "name the tap device too");
  }
  return {
    "boot-source": {
      kernel_image_path: requirePath("kernel path", input.kernelPath),
      boot_args: requireBootArgs(input.bootArgs ?? defaultBootArgs[arch]),
      ...(initrdPath === undefined ? {} : { initrd_path: requirePath("initrd path", initrdPath) }),
    },
    drives: [
      {
        drive_id: "rootfs",
        path_on_host: requirePath("root file system path", input.rootfsPath),
        is_root_device: true,
        is_read_only: input.readOnly,
      },
    ],
    "machine-config": {
      vcpu_count: requireInteger("vCPU count", input.vcpuCount, 1, 32),
      mem_size_mib: requireInteger("memory size in MiB", input.memSizeMib, 1, maxMemSizeMib),
    },
    ...(tap === undefined
      ? {}
      : {
          "network-interfaces": [
            {
              iface_id: "eth0",
              host_dev_name: requireTap(tap),
              ...(mac === undefined ? {} : { guest_mac: requireMac(mac) }),
            },
          ],
        }),
    ...(vsock === undefined ? {} : { vsock: requireVsock(vsock.guestCid, vsock.udsPath) }),
  };
}
