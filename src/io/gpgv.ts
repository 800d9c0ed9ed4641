import * as fs from "node:fs";
import path from "node:path";
import type { Fingerprint } from "../core/fingerprint.ts";
import { decodeArmor } from "../core/openpgp-armor.ts";
import { packetTags, signatureTag } from "../core/openpgp-packets.ts";
import { judgeSignature, type SignatureVerdict } from "../core/signature-status.ts";
import type { Variables } from "./environment.ts";
import { guard } from "./files.ts";
import type { HeldFile } from "./held-file.ts";
import { inPrivateFolder } from "./private-folder.ts";
import { runTool } from "./tool.ts";

/** A key that may sign. */
export interface SigningKey {
  /** Of the primary key. */
  readonly fingerprint: Fingerprint;
  /** Its OpenPGP packets. */
  readonly bytes: Uint8Array;
}

export interface GpgvOptions {
  readonly variables: Variables;
  readonly signal: AbortSignal;
}

/**
 * Takes a detached signature out of its armor: one signature packet and nothing else, so that gpgv
 * has no second signature to choose and no message of its own to look at.
 *
 * @returns the packet, or why there is none.
 */
export function readSignature(
  armored: string,
): Uint8Array | "no-signature" | "not-detached" | "several-signatures" {
  if (armored.trim() === "") return "no-signature";
  const bytes = decodeArmor(armored, "PGP SIGNATURE");
  if (bytes === undefined) {
    return /^-----BEGIN PGP (?:SIGNED )?MESSAGE-----/.test(armored.trimStart())
      ? "not-detached"
      : "no-signature";
  }
  const tags = packetTags(bytes);
  if (tags === undefined) return "no-signature";
  if (tags.some((tag) => tag !== signatureTag)) return "not-detached";
  return tags.length === 1 ? bytes : "several-signatures";
}

/**
 * Asks gpgv for a detached signature over an open file. It sees no keys but these: not the user's
 * keyring, no agent, no key server.
 *
 * @param signature from {@link readSignature}.
 * @throws {BangerError} `failed`, when there is no gpgv; `io`, `no-space`; the signal's reason.
 * @see gpgv(1)
 */
export async function verifySignature(
  keys: readonly SigningKey[],
  signature: Uint8Array,
  data: HeldFile,
  options: GpgvOptions,
): Promise<SignatureVerdict> {
  return inPrivateFolder(async (folder) => {
    const [keyring, signatureFile, statusFile] = ["keys.gpg", "data.sig", "status"].map((name) =>
      path.join(folder, name),
    );
    if (keyring === undefined || signatureFile === undefined || statusFile === undefined) {
      throw new Error("three names give three paths");
    }
    const status = guard(`cannot write to ${folder}`, () => {
      fs.writeFileSync(keyring, Buffer.concat(keys.map((key) => key.bytes)), { mode: 0o600 });
      fs.writeFileSync(signatureFile, signature, { mode: 0o600 });
      return fs.openSync(statusFile, "wx+", 0o600);
    });
    try {
      const end = await runTool({
        program: "gpgv",
        args: ["--keyring", keyring, "--status-fd", "3", "--", signatureFile, "/dev/fd/4"],
        variables: options.variables,
        extra: { GNUPGHOME: folder },
        descriptors: [status, data.descriptor],
        signal: options.signal,
      });
      const said = guard(`cannot read ${statusFile}`, () => fs.readFileSync(statusFile, "utf8"));
      const verdict = judgeSignature(said, new Set(keys.map((key) => key.fingerprint)));
      // Its 0 proves nothing, anything else proves that it did not come to its end.
      if (verdict.accepted && end.exitCode !== 0) return { accepted: false, reason: "unclear" };
      return verdict;
    } finally {
      fs.closeSync(status);
    }
  });
}
