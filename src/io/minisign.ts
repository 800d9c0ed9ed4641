import { writeFileSync } from "node:fs";
import path from "node:path";
import { BangerError } from "../core/errors.ts";
import type { ChildEnd } from "./child.ts";
import type { Variables } from "./environment.ts";
import { guard } from "./files.ts";
import { inPrivateFolder } from "./private-folder.ts";
import { readWhole } from "./read-range.ts";
import { lastWords, runTool } from "./tool.ts";

export interface MinisignOptions {
  readonly variables: Variables;
  readonly signal: AbortSignal;
}

/** What to sign, and with what. */
export interface MinisignInput {
  readonly text: string;
  /** The text of a secret key, as `minisign -G` writes it. */
  readonly secretKey: string;
  /** How messages call the key. */
  readonly label: string;
  readonly passphrase: string | undefined;
  /** What people verify by already; undefined when they do not yet. */
  readonly publicKey: string | undefined;
  /** Signed too, and shown to whoever verifies. One line. */
  readonly trustedComment: string;
}

/** What {@link minisign} made. */
export interface MinisignResult {
  /** The text of the `.minisig`. */
  readonly signature: string;
  /** The text of the public key file that it verifies by. */
  readonly publicKey: string;
}

/** "Ed", then "Sc" for a key whose passphrase goes through scrypt, then "B2". */
const encrypted = /^RWRTY0Iy/m;

/**
 * Signs a text with Debian's minisign, and verifies what came of it.
 *
 * @throws {BangerError} `failed`, when there is no minisign, or it does not take the key;
 * `verification-failed`, when it is not the key that people verify by; `io`, `no-space`; the signal's reason.
 * @see minisign(1)
 */
export async function minisign(
  input: MinisignInput,
  options: MinisignOptions,
): Promise<MinisignResult> {
  const { text, secretKey, label, passphrase, trustedComment } = input;
  if (passphrase === undefined && encrypted.test(secretKey)) {
    throw new BangerError("failed", `${label} is encrypted, and there is no passphrase`, {
      hint: "the passphrase is taken from BANGER_KEY_PASSPHRASE",
    });
  }
  return inPrivateFolder(async (folder) => {
    const at = (name: string): string => path.join(folder, name);
    write(at("data"), text);
    write(at("secret"), secretKey);
    const run = async (...args: readonly string[]): Promise<void> => {
      // It asks on a terminal; without one it reads a line.
      const end = await runMinisign(args, options, `${passphrase ?? ""}\n`);
      if (end.exitCode !== 0) throw unusable(label, end);
    };
    const comment = ["-c", "signature of the catalog's files", "-t", trustedComment];
    await run("-S", "-s", at("secret"), "-m", at("data"), "-x", at("signature"), ...comment);
    const take = (name: string): string => new TextDecoder().decode(readWhole(at(name)));
    // An encrypted key takes seconds to open, so not for nothing.
    if (input.publicKey === undefined) await run("-R", "-s", at("secret"), "-p", at("public"));
    const made = { signature: take("signature"), publicKey: input.publicKey ?? take("public") };
    await verifyMinisign(text, made, options);
    return made;
  });
}

/**
 * Verifies a signature with Debian's minisign.
 *
 * @returns the trusted comment.
 * @throws {BangerError} `verification-failed`; `failed`, when there is no minisign; `io`, `no-space`; the
 * signal's reason.
 */
export async function verifyMinisign(
  text: string,
  { signature, publicKey }: MinisignResult,
  options: MinisignOptions,
): Promise<string> {
  return inPrivateFolder(async (folder) => {
    const at = (name: string): string => path.join(folder, name);
    write(at("data"), text);
    write(at("signature"), signature);
    write(at("public"), publicKey);
    const args = ["-V", "-Q", "-m", at("data"), "-x", at("signature"), "-p", at("public")];
    const end = await runMinisign(args, options, "");
    if (end.exitCode === 0) return end.stdout.trim();
    throw new BangerError("verification-failed", `minisign says: ${lastWords(end)}`);
  });
}

function runMinisign(
  args: readonly string[],
  { variables, signal }: MinisignOptions,
  stdin: string,
): Promise<ChildEnd> {
  return runTool({ program: "minisign", args, variables, signal, stdin });
}

function write(file: string, text: string): void {
  guard(`cannot write ${file}`, () => {
    writeFileSync(file, text, { mode: 0o600 });
  });
}

function unusable(label: string, end: ChildEnd): BangerError {
  const isPassword = /password/i.test(end.stderr + end.stdout);
  return new BangerError("failed", `minisign does not take ${label}: ${lastWords(end)}`, {
    hint: isPassword
      ? "BANGER_KEY_PASSPHRASE is not its passphrase"
      : "a key is made with: minisign -G -s FILE -p FILE.pub",
  });
}
