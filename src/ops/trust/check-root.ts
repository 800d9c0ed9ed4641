import { BangerError } from "../../core/errors.ts";
import { lookThrough } from "../../io/files.ts";
import { readWhole } from "../../io/read-range.ts";
import { factsOf, maxMetadataBytes, type RoleFacts, verifyRoots } from "../../trust/repository.ts";

/**
 * Holds a file to what a root that is compiled in must be: root metadata, signed by as many of its own
 * keys as it asks for.
 *
 * @throws {BangerError} `failed`, when there is no such file; `verification-failed`, `io`.
 */
export function checkRoot(file: string): RoleFacts {
  const stats = lookThrough(file);
  if (stats === undefined) throw new BangerError("failed", `there is no root of trust ${file}`);
  if (!stats.isFile() || stats.size > maxMetadataBytes.root) {
    throw new BangerError("verification-failed", `${file} is no root of trust`);
  }
  try {
    const root = verifyRoots(readWhole(file), []);
    return factsOf("root", root, root);
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    const reason = error.message.replace(/^root\.json of the catalog: /, "");
    throw new BangerError("verification-failed", `${file} is no root of trust: ${reason}`, {
      hint: "a root is made as docs/key-ceremony.md tells, and signed by enough of its own keys",
      cause: error,
    });
  }
}
