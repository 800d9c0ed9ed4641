/** A forward proxy: CONNECT tunnels and absolute-URI requests, recorded. */
import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";

export interface ProxyOptions {
  /** Asks for Basic credentials; answers 407 without them. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** Answers 403 to everything. */
  readonly refuseAll?: boolean;
  /** Where a target really is, so that `kernels.invalid` can be a loopback server. */
  readonly route?: (host: string, port: number) => { host: string; port: number };
}

export interface ProxiedRequest {
  /** `CONNECT`, or the method of an absolute-URI request. */
  readonly method: string;
  /** `host:port` of CONNECT, or the absolute URI. */
  readonly target: string;
  /** The Proxy-Authorization header, as received. */
  readonly authorization: string | undefined;
  /** What the proxy itself answered, or 200 when it passed the request on. */
  readonly status: number;
}

/**
 * @example
 * await using proxy = await ForwardProxy.start();
 * await sandbox.banger(["kernel", "pull", "generic-6.12"], { env: { HTTPS_PROXY: proxy.url } });
 * expect(proxy.requests.map(({ target }) => target)).toEqual(["kernels.invalid:443"]);
 */
export class ForwardProxy implements AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without credentials. */
  readonly url: string;
  readonly port: number;
  readonly requests: ProxiedRequest[] = [];
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number, options: ProxyOptions) {
    this.#server = server;
    this.#options = options;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(options: ProxyOptions = {}): Promise<ForwardProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the test proxy has no TCP address");
    }
    const proxy = new ForwardProxy(server, address.port, options);
    server.on("connection", (socket: Socket) => proxy.#accept(socket));
    return proxy;
  }

  /** The URL with the credentials that the proxy asks for, or with others. */
  urlWith(user: string, password: string): string {
    return `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${this.port}`;
  }

  /** Drops every connection and stops listening. May be called twice. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    if (this.#server.listening) {
      this.#server.close();
      await once(this.#server, "close");
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  #accept(socket: Socket): void {
    this.#track(socket);
    let received = Buffer.alloc(0);
    const read = (bytes: Uint8Array): void => {
      received = Buffer.concat([received, bytes]);
      const end = received.indexOf("\r\n\r\n");
      if (end >= 0) {
        socket.off("data", read);
        socket.pause();
        this.#handle(
          socket,
          received.subarray(0, end).toString("latin1"),
          received.subarray(end + 4),
        );
      }
    };
    socket.on("data", read);
  }

  #handle(client: Socket, head: string, rest: Uint8Array): void {
    const [requestLine = "", ...lines] = head.split("\r\n");
    const [method = "", target = "", version = "HTTP/1.1"] = requestLine.split(" ");
    const authorization = headerOf(lines, "proxy-authorization");
    const record = (status: number): void => {
      this.requests.push({ method, target, authorization, status });
    };
    const refuse = (status: number, reason: string, more = ""): void => {
      record(status);
      client.end(
        `HTTP/1.1 ${status} ${reason}\r\n${more}Content-Length: 0\r\nConnection: close\r\n\r\n`,
      );
    };

    if (this.#options.refuseAll === true) {
      refuse(403, "Forbidden");
      return;
    }
    const { credentials } = this.#options;
    if (credentials !== undefined && authorization !== basic(credentials)) {
      refuse(407, "Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="test"\r\n');
      return;
    }
    const url = URL.parse(method === "CONNECT" ? `http://${target}` : target);
    if (url === null) {
      refuse(400, "Bad Request");
      return;
    }
    const port = Number(url.port === "" ? 80 : url.port);
    const place = this.#options.route?.(url.hostname, port) ?? { host: url.hostname, port };
    const upstream = connect(place.port, place.host);
    this.#track(upstream);
    let connected = false;
    upstream.once("error", () => {
      if (!connected) {
        refuse(502, "Bad Gateway");
      }
    });
    upstream.once("connect", () => {
      connected = true;
      record(200);
      if (method === "CONNECT") {
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      } else {
        const kept = lines.filter((line) => !/^(?:proxy-[^:]*|connection):/i.test(line));
        const origin = `${url.pathname}${url.search}`;
        upstream.write(
          `${[`${method} ${origin} ${version}`, ...kept, "Connection: close"].join("\r\n")}\r\n\r\n`,
        );
      }
      if (rest.length > 0) {
        upstream.write(rest);
      }
      client.pipe(upstream);
      upstream.pipe(client);
    });
    client.once("close", () => upstream.destroy());
    upstream.once("close", () => {
      if (connected) {
        client.end();
      }
    });
  }
}

function headerOf(lines: readonly string[], name: string): string | undefined {
  const line = lines.find((each) => each.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

function basic({ user, password }: { user: string; password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
