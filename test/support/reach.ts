/** What a program reached for: files, addresses, other programs, as its system calls tell. */
import type { ChildResult } from "./child.ts";
import { straceInject, type StraceOptions, type TracedCall } from "./strace.ts";

const opening = ["open", "openat", "openat2", "creat"];
const changing = [
  ["mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat", "renameat2", "link", "linkat"],
  ["symlink", "symlinkat", "unlink", "unlinkat", "rmdir", "truncate", "chmod", "fchmodat"],
  ["fchmodat2", "chown", "lchown", "fchownat", "utimensat", "setxattr", "lsetxattr"],
].flat();
/** Calls that have no business in a download: other programs, powers, other processes, the machine. */
const forbidden = [
  ["execve", "execveat", "fork", "vfork", "listen", "accept", "accept4", "ptrace", "kill", "tkill"],
  ["process_vm_readv", "process_vm_writev", "pidfd_getfd", "mount", "move_mount", "umount2"],
  ["unshare", "setns", "chroot", "pivot_root", "setuid", "setgid", "setreuid", "setresuid"],
  ["setgroups", "capset", "bpf", "perf_event_open", "init_module", "finit_module"],
  ["delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "sethostname"],
  ["settimeofday", "clock_settime", "io_uring_setup", "keyctl", "fchmod", "fchown", "fsetxattr"],
].flat();
const others = ["clone", "clone3", "connect", "bind", "sendto", "sendmsg", "close", "umask"];

/** One thing that a program reached for. */
export interface Reach {
  readonly kind: "open" | "change" | "connect" | "forbidden";
  /** An absolute path without links of /proc/self/fd; an address; or the name of a call. */
  readonly what: string;
  /** Of a file or folder that is made: the mode that is asked for, before the umask. */
  readonly mode?: number;
}

export interface Reached {
  readonly result: ChildResult;
  /** Before the program itself began: what the loader and the runtime reached for. */
  readonly atStart: readonly Reach[];
  /** In the order of the calls, of all threads. */
  readonly later: readonly Reach[];
}

/**
 * Runs banger under strace, all threads of it.
 *
 * Its own start is where it sets its umask, the first that it does.
 *
 * @param umask what the shell has set before.
 */
export async function reachOf(options: StraceOptions, umask = "022"): Promise<Reached> {
  const { result, calls } = await straceInject({
    ...options,
    file: "/bin/sh",
    args: ["-c", `umask ${umask}; exec "$@"`, "sh", options.file, ...options.args],
    syscalls: [...opening, ...changing, ...forbidden, ...others],
    rules: [],
  });
  const execs = calls.findIndex(
    ({ syscall, text }) => syscall === "execve" && text.startsWith(`"${options.file}"`),
  );
  const own = calls.slice(execs + 1);
  const start = own.findIndex(({ syscall }) => syscall === "umask");
  const descriptors = new Map<string, string>();
  const cwd = options.cwd ?? "/";
  const [before, after] = [own.slice(0, start), own.slice(start + 1)];
  return {
    result,
    atStart: reaches(before, cwd, descriptors),
    later: reaches(after, cwd, descriptors),
  };
}

function reaches(
  calls: readonly TracedCall[],
  cwd: string,
  descriptors: Map<string, string>,
): readonly Reach[] {
  const found: Reach[] = [];
  for (const { syscall, text } of calls) {
    if (syscall === "close") {
      descriptors.delete(/^\d+/.exec(text)?.[0] ?? "");
    } else if (opening.includes(syscall)) {
      const [, number = "", path] = /= (\d+)<([^>]*)>/.exec(text) ?? [];
      if (path !== undefined) descriptors.set(number, path);
      const what = pathsOf(text, cwd, descriptors)[0] ?? text;
      const mode = text.includes("O_CREAT") ? /, (0\d*)\)/.exec(text)?.[1] : undefined;
      found.push({ kind: "open", what, ...modeOf(mode) });
    } else if (changing.includes(syscall)) {
      const isSymlink = syscall.startsWith("symlink");
      const mode = syscall.startsWith("mk") ? /, (0\d*)\)/.exec(text)?.[1] : undefined;
      for (const what of pathsOf(text, cwd, descriptors).slice(isSymlink ? 1 : 0)) {
        found.push({ kind: "change", what, ...modeOf(mode) });
      }
    } else if (forbidden.includes(syscall)) {
      found.push({ kind: "forbidden", what: `${syscall}(${text}` });
    } else if (/^clone3?$/.test(syscall) && !text.includes("CLONE_THREAD")) {
      found.push({ kind: "forbidden", what: `${syscall}(${text}` });
    } else if (text.includes("sa_family=") && !text.includes("AF_NETLINK")) {
      found.push({ kind: "connect", what: addressOf(text) });
    }
  }
  return found;
}

function modeOf(text: string | undefined): { readonly mode?: number } {
  return text === undefined ? {} : { mode: Number.parseInt(text, 8) };
}

/** The paths of a call's arguments, absolute, those below a descriptor by where that leads. */
function pathsOf(
  text: string,
  cwd: string,
  descriptors: ReadonlyMap<string, string>,
): readonly string[] {
  const words = text.replace(/\)? += -?\d.*$/, "");
  return [...words.matchAll(/(?:\w+<([^>]*)>, )?"((?:[^"\\]|\\.)*)"/g)].map(
    ([, folder = cwd, path = ""]) => {
      const absolute = path.startsWith("/") ? path : `${folder}/${path}`;
      return absolute.replace(
        /^\/proc\/self\/fd\/(\d+)/,
        (link, number: string) => descriptors.get(number) ?? link,
      );
    },
  );
}

/** `127.0.0.1:443`, `[::1]:443`, or the path of a socket. */
function addressOf(text: string): string {
  const port = /sin6?_port=htons\((\d+)\)/.exec(text)?.[1];
  const v4 = /inet_addr\("([^"]*)"\)/.exec(text)?.[1];
  const v6 = /inet_pton\(AF_INET6, "([^"]*)"/.exec(text)?.[1];
  const path = /sun_path="([^"]*)"/.exec(text)?.[1];
  return path ?? `${v4 ?? `[${v6 ?? "?"}]`}:${port ?? "?"}`;
}
