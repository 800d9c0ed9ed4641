/** Throw-away certificates, made with the openssl program. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A key and its certificate, as files and as PEM text. */
export interface Certificate {
  readonly keyFile: string;
  readonly certFile: string;
  readonly key: string;
  readonly cert: string;
}

/** The server certificates are for 127.0.0.1, localhost, kernels.invalid and www.kernel.org. */
export interface Certificates extends Disposable {
  readonly folder: string;
  /** Give this to clients (`SSL_CERT_FILE`, `curl --cacert`). */
  readonly caFile: string;
  readonly caCert: string;
  /** Good. */
  readonly server: Certificate;
  /** Signed by the CA; its time is over. */
  readonly expired: Certificate;
  /** Signed by the CA, for `wrong.invalid` only. */
  readonly wrongHost: Certificate;
  /** Signed by itself. */
  readonly selfSigned: Certificate;
  /** Removes the folder. */
  dispose(): void;
}

const goodNames = "IP:127.0.0.1,DNS:localhost,DNS:kernels.invalid,DNS:www.kernel.org";

const caConfig = `
[ca]
default_ca = test
[test]
database = index.txt
serial = serial
new_certs_dir = issued
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = copy
x509_extensions = leaf
[anything]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
`;

/**
 * @throws if openssl is missing
 * @example
 * using certificates = makeCertificates();
 * await using server = await HttpServer.start({ tls: certificates.server });
 */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "banger-certificates-"));
  const caFile = join(folder, "ca.pem");
  mkdirSync(join(folder, "issued"));
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "serial"), "1000\n");
  writeFileSync(join(folder, "ca.conf"), caConfig);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

  openssl(folder, [
    ["req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2"],
    ["-subj", "/CN=banger test CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  ]);

  const read = (name: string): Certificate => {
    const [keyFile, certFile] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
    return {
      keyFile,
      certFile,
      key: readFileSync(keyFile, "utf8"),
      cert: readFileSync(certFile, "utf8"),
    };
  };
  const issue = (name: string, names: string, from: Date, until: Date): Certificate => {
    openssl(folder, [
      ["req", "-new", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`],
      ["-subj", `/CN=${name}`, "-addext", `subjectAltName=${names}`],
    ]);
    openssl(folder, [
      ["ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key"],
      ["-startdate", asn1Time(from), "-enddate", asn1Time(until)],
      ["-in", `${name}.csr`, "-out", `${name}.pem`],
    ]);
    return read(name);
  };

  const now = Date.now();
  const day = 86_400_000;
  const server = issue("server", goodNames, new Date(now - day), new Date(now + day));
  const expired = issue("expired", goodNames, new Date(now - 3 * day), new Date(now - day));
  const wrongHost = issue(
    "wrong-host",
    "DNS:wrong.invalid",
    new Date(now - day),
    new Date(now + day),
  );
  openssl(folder, [
    ["req", "-x509", ...newKey, "-keyout", "self-signed.key", "-out", "self-signed.pem"],
    ["-days", "2", "-subj", "/CN=self-signed", "-addext", `subjectAltName=${goodNames}`],
  ]);
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  return {
    folder,
    caFile,
    caCert: readFileSync(caFile, "utf8"),
    server,
    expired,
    wrongHost,
    selfSigned: read("self-signed"),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function asn1Time(date: Date): string {
  return `${date
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:T]/g, "")}Z`;
}

function openssl(cwd: string, args: readonly (readonly string[])[]): void {
  const { status, stderr, error } = spawnSync("openssl", args.flat(), {
    cwd,
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  if (error !== undefined) {
    throw new Error("openssl is missing; run: apt-get install openssl", { cause: error });
  }
  if (status !== 0) {
    throw new Error(`openssl ${args.flat().join(" ")} exited with ${String(status)}: ${stderr}`);
  }
}
