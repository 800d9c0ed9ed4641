/** A maintainer's machine: a store, a catalog, a bucket behind the real rclone, and its public side. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { type ChildResult, RunningChild } from "./child.ts";
import { requireExit } from "./answers.ts";
import { Nginx } from "./nginx.ts";
import { Sandbox } from "./sandbox.ts";
import { makeStandInVmm } from "./stand-in-vmm.ts";
import { smallKernel, type SmallKernelOptions } from "./small-kernel.ts";

/** What rclone keeps the bucket in: an S3 server, or a folder. */
export type BucketKind = "s3" | "local";

export interface ImportedKernel extends SmallKernelOptions {
  /** Text of its `provenance.json`. */
  readonly provenance?: string;
}

const s3Suffix = "._S3rver_object";

/**
 * @example
 * await using site = await Publishing.start("s3");
 * await site.importKernel({ version: "6.12.1" });
 * requireExit(await site.maint(["publish", "generic-6.12", "--description", "for tests"]));
 */
export class Publishing implements AsyncDisposable {
  readonly sandbox: Sandbox;
  /** Where the catalog, `bundles/` and `cache/` are. */
  readonly checkout: string;
  readonly catalog: string;
  readonly bundles: string;
  readonly cache: string;
  /** The signed repository in the making; nothing is in it at the start. */
  readonly trust: string;
  /** What everybody reads; no slash at its end. */
  readonly baseUrl: string;
  readonly nginx: Nginx;
  readonly #kind: BucketKind;
  readonly #folder: string;
  readonly #server: RunningChild | undefined;

  private constructor(
    sandbox: Sandbox,
    kind: BucketKind,
    nginx: Nginx,
    server: RunningChild | undefined,
  ) {
    this.sandbox = sandbox;
    this.checkout = join(sandbox.folder, "checkout");
    this.catalog = join(this.checkout, "catalog/catalog.json");
    this.bundles = join(this.checkout, "bundles");
    this.cache = join(this.checkout, "build/kernel");
    this.trust = join(this.checkout, "catalog/trust");
    for (const folder of [dirname(this.catalog), this.bundles, this.cache]) {
      mkdirSync(folder, { recursive: true });
    }
    this.baseUrl = nginx.httpsUrl;
    this.nginx = nginx;
    this.#kind = kind;
    this.#folder = bucketFolder(sandbox, kind);
    this.#server = server;
    sandbox.setEnv("BASE_URL", this.baseUrl);
    sandbox.setEnv("SSL_CERT_FILE", sharedCertificates().caFile);
    sandbox.setEnv("BANGER_HTTP_RETRIES", "1");
  }

  static async start(kind: BucketKind): Promise<Publishing> {
    const sandbox = new Sandbox();
    const folder = bucketFolder(sandbox, kind);
    mkdirSync(folder, { recursive: true });
    sandbox.setEnv("RCLONE_CONFIG", "/dev/null");
    // What is published here is too small to boot.
    sandbox.setEnv("PATH", `${makeStandInVmm(sandbox.folder)}:${sandbox.environment["PATH"]}`);
    sandbox.setEnv("RCLONE_CONFIG_R2_TYPE", kind);
    if (kind === "local") {
      sandbox.setEnv("RCLONE_BUCKET", folder);
      const nginx = await Nginx.start({ root: folder, certificate: sharedCertificates().server });
      return new Publishing(sandbox, kind, nginx, undefined);
    }
    const { server, url } = await startS3(dirname(folder));
    sandbox.setEnv("RCLONE_CONFIG_R2_PROVIDER", "Other");
    sandbox.setEnv("RCLONE_CONFIG_R2_ACCESS_KEY_ID", "S3RVER");
    sandbox.setEnv("RCLONE_CONFIG_R2_SECRET_ACCESS_KEY", "S3RVER");
    sandbox.setEnv("RCLONE_CONFIG_R2_FORCE_PATH_STYLE", "true");
    sandbox.setEnv("RCLONE_CONFIG_R2_ENDPOINT", url);
    const root = `${url}/banger-kernels/`;
    const nginx = await Nginx.start({ root, certificate: sharedCertificates().server });
    return new Publishing(sandbox, kind, nginx, server);
  }

  /** Installs a small kernel as `generic-<line>`. */
  async importKernel(options: ImportedKernel = {}): Promise<void> {
    const { version = "6.12.1", arch = "x86_64", provenance } = options;
    const from = join(this.sandbox.work, `${version}-${arch}`);
    mkdirSync(from, { recursive: true });
    const config = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_ACPI=y\nCONFIG_PCI=y\nCONFIG_KVM_GUEST=y\n";
    writeFileSync(join(from, "vmlinux"), smallKernel({ config, ...options, version, arch }));
    if (provenance !== undefined) writeFileSync(join(from, "provenance.json"), provenance);
    const name = `generic-${version.split(".").slice(0, 2).join(".")}`;
    const words = ["kernel", "import", name, "--from", from, "--distro", "generic", "--force"];
    requireExit(await this.sandbox.banger([...words, "--arch", arch]));
  }

  /** Starts banger-maint on the catalog of this machine. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningChild {
    const [command = "", ...others] = args;
    const places: Readonly<Record<string, readonly string[]>> = {
      publish: ["--out", this.bundles],
      push: ["--bundles", this.bundles, "--cache", this.cache, "--trust", this.trust],
      catalog: ["--trust", this.trust],
      trust: ["--trust", this.trust],
    };
    const flags = ["--catalog", this.catalog, ...(places[command] ?? [])];
    const isGroup = command === "catalog" || command === "trust";
    // What a test says last counts; a group's own command stands before all flags.
    const [inner, ...rest] = isGroup ? others : [];
    const words = isGroup
      ? [command, inner ?? "", ...flags, ...rest]
      : [command, ...flags, ...others];
    return this.sandbox.startMaint(words, { env });
  }

  /** Runs banger-maint to its end. */
  maint(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ChildResult> {
    return this.start(args, env).done;
  }

  /** Publishes an x86_64 kernel. @returns how it ended */
  publish(name: string, ...flags: readonly string[]): Promise<ChildResult> {
    return this.maint(["publish", `${name}:x86_64`, "--description", `Linux ${name}`, ...flags]);
  }

  catalogText(): string {
    return readFileSync(this.catalog, "utf8");
  }

  /** The names of all objects, sorted. */
  keys(): readonly string[] {
    return filesBelow(this.#folder)
      .filter((file) => this.#kind === "local" || file.endsWith(s3Suffix))
      .map((file) => (this.#kind === "local" ? file : file.slice(0, -s3Suffix.length)))
      .sort();
  }

  /** Resolves when the first bytes of any object are in the bucket. */
  async untilSomethingIsIn(): Promise<void> {
    while (!this.keys().some((key) => this.object(key).length > 0)) await Bun.sleep(20);
  }

  /** The bytes of an object. */
  object(key: string): Buffer {
    return readFileSync(this.#fileOf(key));
  }

  /** Puts bytes under a key behind everybody's back; of S3 only one that is there already. */
  overwrite(key: string, bytes: Uint8Array | string): void {
    writeFileSync(this.#fileOf(key), bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.dispose();
    await this.nginx.stop();
    this.#server?.killGroup();
    await this.#server?.done;
  }

  #fileOf(key: string): string {
    return join(this.#folder, this.#kind === "local" ? key : `${key}${s3Suffix}`);
  }
}

let certificates: Certificates | undefined;

/** Made once for all tests of a file, since it takes long. */
function sharedCertificates(): Certificates {
  certificates ??= makeCertificates();
  return certificates;
}

/** For `afterAll` of every file that starts a {@link Publishing}. */
export function removeCertificates(): void {
  certificates?.dispose();
  certificates = undefined;
}

function bucketFolder(sandbox: Sandbox, kind: BucketKind): string {
  return join(sandbox.folder, kind, "banger-kernels");
}

async function startS3(
  directory: string,
): Promise<{ readonly server: RunningChild; readonly url: string }> {
  const program = resolve(import.meta.dirname, "../../node_modules/s3rver/bin/s3rver.js");
  const place = ["--directory", directory, "--address", "127.0.0.1", "--port", "0"];
  const server = new RunningChild({
    file: process.execPath,
    args: [program, ...place, "--no-vhost-buckets", "--configure-bucket", "banger-kernels"],
    timeoutMs: 3_600_000,
  });
  const [, port] = await server.waitForStdout(/listening on 127\.0\.0\.1:(\d+)/);
  return { server, url: `http://127.0.0.1:${port ?? ""}` };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => relative(folder, file));
}
