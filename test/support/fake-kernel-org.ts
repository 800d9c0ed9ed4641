/** A kernel.org on loopback: its list of releases, tarballs and signatures, over TLS. */
import type { KernelOrg } from "../../src/ops/build/signed-source.ts";
import { type Behaviour, HttpServer, serve } from "./http-server.ts";
import type { KernelTarball } from "./kernel-tarball.ts";

export class FakeKernelOrg implements AsyncDisposable {
  readonly server: HttpServer;
  readonly origin: KernelOrg;
  readonly #releases: object[] = [];

  private constructor(server: HttpServer) {
    this.server = server;
    this.origin = {
      releasesUrl: `${server.url}/releases.json`,
      folderUrl: `${server.url}/pub/linux/kernel`,
    };
  }

  static async start(tls: { readonly key: string; readonly cert: string }): Promise<FakeKernelOrg> {
    return new FakeKernelOrg(await HttpServer.start({ tls }));
  }

  /** The path of a release's tarball; its signature has `.sign` for `.xz`. */
  static path(version: string): string {
    return `/pub/linux/kernel/v${version.split(".")[0]}.x/linux-${version}.tar.xz`;
  }

  /** Puts a release up, and names it in the list. */
  release(
    version: string,
    tarball: Pick<KernelTarball, "xz">,
    signature: string,
    isEndOfLife = false,
  ): void {
    const path = FakeKernelOrg.path(version);
    this.serveTarball(version, serve(tarball.xz));
    this.server.on(signatureOf(path), serve(Buffer.from(signature)));
    const source = `${this.server.url}${path}`;
    const pgp = signatureOf(source);
    this.#releases.push({ version, iseol: isEndOfLife, source, pgp, moniker: "longterm" });
    const list = Buffer.from(JSON.stringify({ releases: this.#releases }));
    this.server.on("/releases.json", serve(list));
  }

  /** What the server does when asked for a tarball. */
  serveTarball(version: string, ...behaviours: readonly Behaviour[]): void {
    this.server.on(FakeKernelOrg.path(version), ...behaviours);
  }

  /** The methods of the requests for a tarball so far. */
  asked(version: string): readonly string[] {
    return this.server.requestsFor(FakeKernelOrg.path(version)).map(({ method }) => method);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.stop();
  }
}

function signatureOf(path: string): string {
  return path.replace(/\.xz$/, ".sign");
}
