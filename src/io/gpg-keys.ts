import { writeFileSync } from "node:fs";
import path from "node:path";
import { type KeyFacts, parseKeyListing } from "../core/key-listing.ts";
import type { Variables } from "./environment.ts";
import { guard } from "./files.ts";
import { inPrivateFolder } from "./private-folder.ts";
import { runTool } from "./tool.ts";

/**
 * Asks gpg about the public keys in a file's bytes. It sees no keyring of the user's.
 *
 * @returns undefined when gpg takes them for something else than public keys.
 * @throws {BangerError} `failed`, when there is no gpg; `io`, `no-space`; the signal's reason.
 * @see gpg(1), --show-keys
 */
export async function describeKeys(
  bytes: Uint8Array,
  options: { readonly variables: Variables; readonly signal: AbortSignal },
): Promise<readonly KeyFacts[] | undefined> {
  return inPrivateFolder(async (folder) => {
    const file = path.join(folder, "keys");
    guard(`cannot write to ${folder}`, () => {
      writeFileSync(file, bytes, { mode: 0o600 });
    });
    const end = await runTool({
      program: "gpg",
      args: ["--batch", "--no-autostart", "--with-colons", "--show-keys", "--", file],
      variables: options.variables,
      extra: { GNUPGHOME: folder },
      signal: options.signal,
    });
    return end.exitCode === 0 ? parseKeyListing(end.stdout) : undefined;
  });
}
