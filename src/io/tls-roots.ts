import * as fs from "node:fs";
import path from "node:path";
import { BangerError } from "../core/errors.ts";
import { fileError } from "./files.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Where the distributions keep the certificates that the system trusts. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

let loaded: { readonly key: string; readonly roots: string[] | undefined } | undefined;

/**
 * The certificate authorities to trust: SSL_CERT_FILE and SSL_CERT_DIR when set, else the system's.
 *
 * @returns PEM texts; undefined for the ones built into the runtime, where the system has none.
 * @throws {BangerError} `usage`, when SSL_CERT_FILE names no certificates.
 * @see SSL_CTX_set_default_verify_paths(3)
 */
export function trustedRoots(environment: Variables): string[] | undefined {
  const file = environment["SSL_CERT_FILE"] ?? "";
  const directory = environment["SSL_CERT_DIR"] ?? "";
  const key = `${file}\0${directory}`;
  if (loaded?.key !== key) loaded = { key, roots: load(file, directory) };
  return loaded.roots;
}

function load(file: string, directory: string): string[] | undefined {
  if (file === "" && directory === "") {
    const bundle = systemBundles.find((candidate) => fs.existsSync(candidate));
    return bundle === undefined ? undefined : [fs.readFileSync(bundle, "utf8")];
  }
  const roots: string[] = [];
  if (file !== "") roots.push(readCertificates(file));
  if (directory !== "") roots.push(...readFolder(directory));
  return roots;
}

function readCertificates(file: string): string {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    throw fileError(`cannot read SSL_CERT_FILE ${file}`, error);
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new BangerError("usage", `SSL_CERT_FILE ${file} holds no PEM certificate`);
}

function readFolder(directory: string): string[] {
  try {
    return fs
      .readdirSync(directory)
      .map((name) => path.join(directory, name))
      .filter((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true)
      .map((file) => fs.readFileSync(file, "utf8"))
      .filter((text) => text.includes("-----BEGIN CERTIFICATE-----"));
  } catch (error) {
    throw fileError(`cannot read SSL_CERT_DIR ${directory}`, error);
  }
}
