/** Throw-away OpenPGP keys and what they sign, made with the gpg program. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Fingerprint, isFingerprint } from "../../src/core/fingerprint.ts";

/** As gpg writes it: `20200101T000000`. */
type GpgTime = string;

export interface KeyOptions {
  /** Such as `1y`; default never. */
  readonly expires?: string;
  /** When it is made; default now. */
  readonly at?: GpgTime;
  /** Adds a subkey that signs, of the same expiry unless told; the primary key then only certifies. */
  readonly subkey?: { readonly expires?: string };
}

export interface SignOptions {
  /** Default detached. */
  readonly form?: "detached" | "attached" | "clear" | "text";
  readonly hash?: string;
  readonly at?: GpgTime;
  /** When the signature expires, such as `1d`; default never. */
  readonly expires?: string;
}

/**
 * @example
 * using gpg = new Gpg();
 * const ours = gpg.makeKey("ours");
 * const signature = gpg.sign(["ours"], bytes);
 */
export class Gpg implements Disposable {
  /** GNUPGHOME. */
  readonly home: string = mkdtempSync(join(tmpdir(), "banger-gpg-"));
  #files = 0;

  /** Makes a key for `NAME <NAME@example.org>`. @returns the primary fingerprint */
  makeKey(name: string, options: KeyOptions = {}): Fingerprint {
    const { expires = "never", at, subkey } = options;
    const usage = subkey === undefined ? "sign" : "cert";
    this.#run(["--quick-gen-key", `${name} <${name}@example.org>`, "ed25519", usage, expires], at);
    const fingerprint = this.fingerprint(name);
    if (subkey !== undefined) {
      const subkeyExpires = subkey.expires ?? expires;
      this.#run(["--quick-add-key", fingerprint, "ed25519", "sign", subkeyExpires], at);
    }
    return fingerprint;
  }

  /** The packets of public keys. */
  exportKeys(...names: readonly string[]): Uint8Array {
    return this.#run(["--export", ...names.map(address)]);
  }

  /** One public key in armor, as the folder of release keys holds it. */
  exportArmored(...names: readonly string[]): string {
    return this.#run(["--armor", "--export", ...names.map(address)]).toString();
  }

  /** Applies the revocation certificate that gpg made with the key. */
  revoke(name: string): void {
    const file = join(this.home, "openpgp-revocs.d", `${this.fingerprint(name)}.rev`);
    const certificate = readFileSync(file, "utf8").replace(/^:-----BEGIN/m, "-----BEGIN");
    const importFile = this.#file(certificate);
    this.#run(["--import", importFile]);
  }

  /** Signs, in armor, by each of the names. */
  sign(names: readonly string[], data: Uint8Array | string, options: SignOptions = {}): string {
    const { form = "detached", hash = "SHA256", at, expires } = options;
    const how = {
      detached: ["--detach-sign"],
      attached: ["--sign"],
      clear: ["--clear-sign"],
      text: ["--textmode", "--detach-sign"],
    }[form];
    const users = names.flatMap((name) => ["--local-user", address(name)]);
    const output = ["--output", "-", "--armor", "--digest-algo", hash];
    const until = expires === undefined ? [] : ["--default-sig-expire", expires];
    return this.#run([...output, ...until, ...users, ...how, this.#file(data)], at).toString();
  }

  [Symbol.dispose](): void {
    spawnSync("gpgconf", ["--kill", "all"], { env: this.#environment });
    rmSync(this.home, { recursive: true, force: true });
  }

  get #environment(): Record<string, string> {
    return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", GNUPGHOME: this.home, LC_ALL: "C" };
  }

  #file(data: Uint8Array | string): string {
    const file = join(this.home, `data-${++this.#files}`);
    writeFileSync(file, data);
    return file;
  }

  /** Of the primary key. */
  fingerprint(name: string): Fingerprint {
    const list = this.#run(["--with-colons", "--list-keys", address(name)]).toString();
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(list)?.[1] ?? "";
    if (!isFingerprint(fingerprint)) throw new Error(`gpg has no key of ${name}`);
    return fingerprint;
  }

  #run(args: readonly string[], at?: GpgTime): Buffer {
    const fixed = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    // Frozen: a subkey must not be made in the second before its primary key.
    const time = at === undefined ? [] : ["--faked-system-time", `${at}!`];
    const end = spawnSync("gpg", [...fixed, ...time, ...args], { env: this.#environment });
    if (end.status !== 0) throw new Error(`gpg ${args.join(" ")}: ${end.stderr.toString()}`);
    return end.stdout;
  }
}

function address(name: string): string {
  return `${name}@example.org`;
}
