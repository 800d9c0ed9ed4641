import path from "node:path";
import { BangerError } from "../core/errors.ts";
import type { Environment } from "../io/environment.ts";
import { lookAt, lookThrough, makeFolder, realPath } from "../io/files.ts";

const writableByOthers = 0o022;

/** Whether a command only looks at a folder or changes what is in it. */
export type Access = "read" | "write";

/**
 * Checks a folder of banger's and gives its real path: a link is resolved here, once, and never
 * again.
 *
 * A folder is refused when others can write to it, or when it belongs to somebody else: what banger
 * reads there would be theirs to choose, and what root writes there would lock its owner out. A
 * store of root's may be read by anyone.
 *
 * @returns the real path, or undefined when there is no such folder and `access` is `read`.
 * @throws {BangerError} `bad-state`, with the reason and the way out; `io`.
 */
export function openFolder(
  folder: string,
  access: Access,
  environment: Environment,
): string | undefined {
  const there = lookThrough(folder);
  if (there === undefined) {
    // Not just anything: another banger may be making the folder at this moment.
    if (lookAt(folder)?.isSymbolicLink() === true) {
      throw new BangerError("bad-state", `${folder} is a link that leads nowhere`, {
        hint: `make the folder that it names, or remove the link: rm ${folder}`,
      });
    }
    if (access === "read") return undefined;
    checkOwner(nearestFolder(folder), folder, environment, ["self", "root"]);
    makeFolder(folder);
    return realPath(folder);
  }
  if (!there.isDirectory()) {
    throw new BangerError("bad-state", `${folder} is not a folder`, { hint: wayOut });
  }
  checkOwner(folder, folder, environment, access === "read" ? ["self", "root"] : ["self"]);
  refuseWritableByOthers(folder, there.mode);
  return realPath(folder);
}

/**
 * Checks a folder within one of banger's: a real one or none at all. Through a link banger would
 * write to, and clear up, what is not its own.
 *
 * @throws {BangerError} `bad-state`; `io`.
 */
export function checkInnerFolder(folder: string, access: Access, environment: Environment): void {
  const there = lookAt(folder);
  if (there === undefined) return;
  if (!there.isDirectory()) {
    throw new BangerError("bad-state", `${folder} is not a folder that banger made`, {
      hint: `move it away: mv ${folder} ${folder}.old`,
    });
  }
  checkOwner(folder, folder, environment, access === "read" ? ["self", "root"] : ["self"]);
  refuseWritableByOthers(folder, there.mode);
}

function refuseWritableByOthers(folder: string, mode: number): void {
  if ((mode & writableByOthers) === 0) return;
  const octal = (mode & 0o777).toString(8);
  throw new BangerError("bad-state", `${folder} can be written by others (mode ${octal})`, {
    hint: `make it yours alone: chmod go-w ${folder}`,
  });
}

const wayOut = "choose another folder: BANGER_STATE_DIR=/path/to/folder";

function checkOwner(
  looked: string,
  wanted: string,
  environment: Environment,
  allowed: readonly ("self" | "root")[],
): void {
  const owner = lookThrough(looked)?.uid ?? environment.uid;
  if (owner === environment.uid || (owner === 0 && allowed.includes("root"))) return;
  if (environment.uid === 0) {
    const who = environment.sudoUser === undefined ? "root" : "root through sudo";
    throw new BangerError(
      "bad-state",
      `${looked} belongs to user ${owner}, and banger runs as ${who}`,
      {
        hint: `run it without sudo, or give root a store of its own: BANGER_STATE_DIR=/var/lib/banger`,
      },
    );
  }
  const whose = owner === 0 ? "root" : `user ${owner}`;
  throw new BangerError("bad-state", `${looked} belongs to ${whose}, not to you`, {
    hint:
      owner === 0 && looked === wanted
        ? `what is in it can be read, but only root changes it; for kernels of your own ${wayOut}`
        : wayOut,
  });
}

function nearestFolder(folder: string): string {
  let nearest = path.dirname(folder);
  while (nearest !== "/" && lookThrough(nearest) === undefined) nearest = path.dirname(nearest);
  return nearest;
}
