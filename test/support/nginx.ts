/** The real nginx on a folder. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Certificate } from "./certificates.ts";
import { RunningChild } from "./child.ts";

export interface NginxOptions {
  /** The folder that is served; or the URL, with a slash at its end, of a server that is asked. */
  readonly root: string;
  /** With it https is served too. */
  readonly certificate?: Pick<Certificate, "keyFile" | "certFile">;
  /** How often it is tried, each time with other ports; 5 where not given. */
  readonly attempts?: number;
  /** A `server { … }` of somebody's own in place of ours; it gets our port and `root`. */
  readonly server?: string;
}

/** One line of the access log. nginx writes it when the answer has been sent. */
export interface NginxRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Without the head. */
  readonly bodyBytesSent: number;
  /** The Range header, or `undefined`. */
  readonly range: string | undefined;
  readonly scheme: string;
}

const program = "/usr/sbin/nginx";

/**
 * @example
 * await using nginx = await Nginx.start({ root: sandbox.mirror });
 * // … nginx.url, nginx.downloads("/a.tar.zst")
 */
export class Nginx implements AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at its end. */
  readonly url: string;
  /** The same over TLS; throws when there is no certificate. */
  readonly #httpsUrl: string | undefined;
  readonly #folder: string;
  readonly #child: RunningChild;

  private constructor(folder: string, child: RunningChild, port: number, tlsPort?: number) {
    this.#folder = folder;
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
    this.#httpsUrl = tlsPort === undefined ? undefined : `https://127.0.0.1:${tlsPort}`;
  }

  /** @throws if nginx is missing or does not come up */
  static async start(options: NginxOptions): Promise<Nginx> {
    if (!existsSync(program)) {
      throw new Error(`${program} is missing; run: apt-get install nginx-light`);
    }
    // Somebody else may take a port between our choice and nginx's bind.
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await startOnce(options, (...parts) => new Nginx(...parts));
      } catch (error) {
        if (attempt === (options.attempts ?? 5)) {
          throw error;
        }
      }
    }
  }

  /** `https://127.0.0.1:PORT`; throws if nginx was started without a certificate. */
  get httpsUrl(): string {
    if (this.#httpsUrl === undefined) {
      throw new Error("this nginx was started without a certificate");
    }
    return this.#httpsUrl;
  }

  /** What the access log holds now. */
  requests(): readonly NginxRequest[] {
    return readFileSync(join(this.#folder, "access.log"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [scheme = "", method = "", path = "", status, bytes, range] = line.split("\t");
        return {
          scheme,
          method,
          path,
          status: Number(status),
          bodyBytesSent: Number(bytes),
          range: range === "-" ? undefined : range,
        };
      });
  }

  /** The answered GETs of a path (or of all) that sent a body: 200 or 206. */
  downloads(path?: string): readonly NginxRequest[] {
    return this.requests().filter(
      (request) =>
        request.method === "GET" &&
        (request.status === 200 || request.status === 206) &&
        (path === undefined || request.path === path),
    );
  }

  /** Stops nginx and removes its folder. May be called twice. */
  async stop(): Promise<void> {
    this.#child.killGroup("SIGTERM");
    await Promise.allSettled([this.#child.done]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function startOnce(
  options: NginxOptions,
  create: (folder: string, child: RunningChild, port: number, tlsPort?: number) => Nginx,
): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), "banger-nginx-"));
  const port = await freePort();
  const tlsPort = options.certificate === undefined ? undefined : await freePort();
  for (const name of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) {
    mkdirSync(join(folder, name));
  }
  const config = join(folder, "nginx.conf");
  writeFileSync(config, configuration(folder, port, tlsPort, options));
  const child = new RunningChild({
    file: program,
    args: ["-p", folder, "-c", config, "-e", join(folder, "error.log")],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    timeoutMs: 3_600_000,
  });
  try {
    await untilBound(join(folder, "nginx.pid"), child);
  } catch (error) {
    child.killGroup();
    await Promise.allSettled([child.done]);
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return create(folder, child, port, tlsPort);
}

function configuration(
  folder: string,
  port: number,
  tlsPort: number | undefined,
  options: NginxOptions,
): string {
  const { root, certificate } = options;
  const own = options.server
    ?.replace(/\blisten [^;]*;/, `listen 127.0.0.1:${port};`)
    .replace(/\broot [^;]*;/, `root "${root}";`);
  const tls =
    certificate === undefined || tlsPort === undefined
      ? ""
      : `listen 127.0.0.1:${tlsPort} ssl;
    ssl_certificate "${certificate.certFile}";
    ssl_certificate_key "${certificate.keyFile}";`;
  const server = `server {
    listen 127.0.0.1:${port};
    ${tls}
    ${root.startsWith("http://") ? "" : `root "${root}";`}
    location / { ${root.startsWith("http://") ? `proxy_pass ${root};` : "autoindex off;"} }
  }`;
  return `daemon off;
master_process off;
pid "${folder}/nginx.pid";
error_log "${folder}/error.log";
events { worker_connections 512; }
http {
  log_format banger "$scheme\\t$request_method\\t$request_uri\\t$status\\t$body_bytes_sent\\t$http_range\\t";
  access_log "${folder}/access.log" banger;
  default_type application/octet-stream;
  client_body_temp_path "${folder}/body";
  proxy_temp_path "${folder}/proxy";
  fastcgi_temp_path "${folder}/fastcgi";
  uwsgi_temp_path "${folder}/uwsgi";
  scgi_temp_path "${folder}/scgi";
  sendfile on;
  ${own ?? server}
}
`;
}

/**
 * Resolves when nginx holds all its ports: it writes its pid only then. That somebody answers on a port says
 * less, since another program may have taken it; nginx then tries for two and a half seconds, and ends.
 *
 * @throws as {@link untilListening}
 */
function untilBound(pidFile: string, child: RunningChild): Promise<void> {
  return untilTrue(() => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "", child);
}

/** Resolves when the program answers on the port. @throws if it ends before, or after ten seconds */
export function untilListening(port: number, child: RunningChild): Promise<void> {
  return untilTrue(async () => {
    const socket = connect(port, "127.0.0.1");
    const accepted = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    return accepted;
  }, child);
}

async function untilTrue(
  isUp: () => Promise<boolean> | boolean,
  child: RunningChild,
): Promise<void> {
  const endMs = performance.now() + 10_000;
  for (;;) {
    const up = await isUp();
    // Another program may hold the port; this one then ends by itself.
    if (child.ended || performance.now() > endMs) {
      throw new Error(`it does not come up: ${child.stderr}`);
    }
    if (up) return;
    await Bun.sleep(10);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") {
    throw new Error("there is no free TCP port");
  }
  return address.port;
}
