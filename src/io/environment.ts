import path from "node:path";
import { parseArch, type Arch } from "../core/arch.ts";
import { BangerError } from "../core/errors.ts";
import { realPath } from "./files.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Everything that banger takes from the process it runs in, read once at the start. */
export interface Environment {
  readonly variables: Variables;
  /** Absolute, links followed; `BANGER_STATE_DIR`, else `XDG_STATE_HOME`/banger, else ~/.local/state/banger. */
  readonly stateDir: string;
  /** Absolute, links followed; `BANGER_KERNELS_DIR`, else `kernels` in the state folder. */
  readonly kernelsDir: string;
  /** From `BANGER_CATALOG`; undefined for the catalog within the executable. */
  readonly catalogFile: string | undefined;
  /** From `BANGER_MIRRORS`, in order. */
  readonly mirrors: readonly string[];
  /** From `BANGER_HTTP_TIMEOUT`, in milliseconds; 15 s by default. */
  readonly httpTimeoutMs: number;
  /** From `BANGER_HTTP_RETRIES`; 3 by default. */
  readonly httpRetries: number;
  readonly hostArch: Arch;
  /** The effective user id. */
  readonly uid: number;
  /** The user who ran sudo, if that is how we run. */
  readonly sudoUser: string | undefined;
}

/** The variables of this process. */
export function readVariables(): Variables {
  return process.env;
}

/**
 * Reads the environment of this process.
 *
 * @throws {BangerError} `usage`, naming the variable that is wrong.
 */
export function readEnvironment(): Environment {
  const variables = readVariables();
  const value = (name: string): string | undefined =>
    variables[name] === "" ? undefined : variables[name];
  const stateHome = value("XDG_STATE_HOME");
  // The XDG specification wants relative paths there to be passed over.
  const xdg = stateHome?.startsWith("/") === true ? path.join(stateHome, "banger") : undefined;
  const stateDir = resolved(
    value("BANGER_STATE_DIR") ?? xdg ?? path.join(homeOf(value("HOME")), ".local/state/banger"),
  );
  const catalogFile = value("BANGER_CATALOG");
  const hostArch = parseArch(process.arch);
  if (hostArch === undefined) {
    throw new BangerError("failed", `banger does not run on ${process.arch}`);
  }
  return {
    variables,
    stateDir,
    kernelsDir: resolved(value("BANGER_KERNELS_DIR") ?? path.join(stateDir, "kernels")),
    catalogFile: catalogFile === undefined ? undefined : path.resolve(catalogFile),
    mirrors: (value("BANGER_MIRRORS") ?? "")
      .split(",")
      .map((mirror) => mirror.trim())
      .filter((mirror) => mirror !== ""),
    httpTimeoutMs: 1000 * numberOf(value("BANGER_HTTP_TIMEOUT"), "BANGER_HTTP_TIMEOUT", 15, 3600),
    httpRetries: numberOf(value("BANGER_HTTP_RETRIES"), "BANGER_HTTP_RETRIES", 3, 100),
    hostArch,
    uid: process.geteuid?.() ?? 0,
    sudoUser: value("SUDO_USER"),
  };
}

/**
 * Follows a folder that is a link here and never again, so that all of a run is in one place. What
 * cannot be followed is left as it is, for those who open it to refuse.
 */
function resolved(folder: string): string {
  const absolute = path.resolve(folder);
  try {
    return realPath(absolute);
  } catch {
    return absolute;
  }
}

function homeOf(home: string | undefined): string {
  return home ?? process.getBuiltinModule("node:os").userInfo().homedir;
}

function numberOf(text: string | undefined, name: string, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const parsed = Number(text);
  const isTimeout = name.endsWith("TIMEOUT");
  if (/^\d+(\.\d+)?$/.test(text) && parsed <= max && (parsed > 0 || !isTimeout)) return parsed;
  throw new BangerError(
    "usage",
    `${name} is ${JSON.stringify(text)}, a number up to ${max} is wanted`,
  );
}
