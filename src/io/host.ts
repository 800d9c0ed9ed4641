import * as fs from "node:fs";
import path from "node:path";

/** The absolute path of a program on PATH; undefined when there is none of that name. */
export function findProgram(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): string | undefined {
  for (const folder of (variables["PATH"] ?? "").split(":")) {
    if (folder === "") continue;
    const file = path.join(folder, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/** Whether this user may use KVM: `/dev/kvm` is there and opens. */
export function kvmState(): "usable" | "forbidden" | "absent" {
  if (!fs.existsSync("/dev/kvm")) return "absent";
  try {
    fs.closeSync(fs.openSync("/dev/kvm", fs.constants.O_RDWR));
    return "usable";
  } catch {
    return "forbidden";
  }
}

/** How many programs can run at the same time. */
export function cpuCount(): number {
  return process.getBuiltinModule("node:os").availableParallelism();
}

/** The name of this machine. */
export function hostName(): string {
  return process.getBuiltinModule("node:os").hostname();
}
