/** A scripted HTTP/1.1 server over bare sockets, for what no real server can be made to do. */
import { once } from "node:events";
import { type Server, type Socket, createServer } from "node:net";
import { type TLSSocket, createServer as createTlsServer } from "node:tls";
import type { Answer, Behaviour, MessageAnswer, RecordedRequest } from "./http-answers.ts";

export * from "./http-answers.ts";

export interface HttpServerOptions {
  /** PEM texts; with them the server speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Accepts TCP and never says a word, not even of a TLS handshake. `url` is https. */
  readonly silentHandshake?: boolean;
}

/** A path's behaviours, used one a request; the last repeats. */
interface Script {
  readonly behaviours: readonly Behaviour[];
  used: number;
}

/**
 * @example
 * await using server = await HttpServer.start();
 * server.on("/a.tar.zst", status(503, { "Retry-After": "0" }), serve(bytes));
 * // … server.url, server.requestsFor("/a.tar.zst")
 */
export class HttpServer implements AsyncDisposable {
  /** `http://127.0.0.1:PORT` or `https://…`, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** In the order of arrival. */
  readonly requests: RecordedRequest[] = [];
  /** How many TCP connections were accepted. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scripts = new Map<string, Script>();
  readonly #waiting = new Set<() => void>();
  readonly #startedAtMs = performance.now();

  private constructor(server: Server, scheme: string, port: number) {
    this.#server = server;
    this.port = port;
    this.url = `${scheme}://127.0.0.1:${port}`;
  }

  static async start(options: HttpServerOptions = {}): Promise<HttpServer> {
    const { tls, silentHandshake = false } = options;
    const speaksTls = tls !== undefined && !silentHandshake;
    const server = speaksTls
      ? createTlsServer({ key: tls.key, cert: tls.cert, ALPNProtocols: ["http/1.1"] })
      : createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the test server has no TCP address");
    }
    const scheme = speaksTls || silentHandshake ? "https" : "http";
    const started = new HttpServer(server, scheme, address.port);
    server.on("connection", (socket: Socket) => {
      started.#track(socket);
      started.connections += 1;
      if (!speaksTls && !silentHandshake) {
        started.#talk(socket);
      }
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      started.#track(socket);
      started.#talk(socket);
    });
    server.on("tlsClientError", () => {}); // a client that does not trust us
    return started;
  }

  /** Sets the behaviours of a path, used one a request; the last repeats. Other paths are 404. */
  on(path: string, ...behaviours: readonly Behaviour[]): this {
    this.#scripts.set(path, { behaviours, used: 0 });
    return this;
  }

  /** The requests for a path, query apart. */
  requestsFor(path: string): readonly RecordedRequest[] {
    return this.requests.filter((request) => withoutQuery(request.path) === path);
  }

  /** Resolves when so many requests came in all (or for one path); rejects after `timeoutMs`. */
  waitForRequests(count: number, path?: string, timeoutMs = 10_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const seen = path === undefined ? this.requests : this.requestsFor(path);
        if (seen.length >= count) {
          clearTimeout(timer);
          this.#waiting.delete(look);
          resolve();
        }
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`not ${count} requests within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.add(look);
      look();
    });
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
    socket.on("error", () => {}); // a client may leave at any time
  }

  #talk(socket: Socket): void {
    const connection = this.connections;
    let received = "";
    let busy = false;
    const answerNext = async (): Promise<void> => {
      const end = received.indexOf("\r\n\r\n");
      if (busy || end < 0) {
        return;
      }
      busy = true;
      const head = received.slice(0, end);
      received = received.slice(end + 4);
      const request = parseHead(head, connection, performance.now() - this.#startedAtMs);
      this.requests.push(request);
      const answer = await this.#decide(request);
      for (const look of this.#waiting) {
        look();
      }
      const stays = await send(socket, request, answer);
      busy = false;
      if (stays) {
        await answerNext();
      }
    };
    socket.on("data", (bytes: Uint8Array) => {
      received += Buffer.from(bytes).toString("latin1");
      void answerNext();
    });
  }

  #decide(request: RecordedRequest): Answer | Promise<Answer> {
    const script = this.#scripts.get(request.path) ?? this.#scripts.get(withoutQuery(request.path));
    const behaviour = script?.behaviours[Math.min(script.used, script.behaviours.length - 1)];
    if (script === undefined || behaviour === undefined) {
      const body = new TextEncoder().encode("no such path\n");
      return { kind: "message", status: 404, headers: {}, body, framing: "length" };
    }
    script.used += 1;
    return behaviour(request);
  }
}

function withoutQuery(path: string): string {
  return path.replace(/\?.*$/, "");
}

function parseHead(head: string, connection: number, atMs: number): RecordedRequest {
  const [requestLine = "", ...lines] = head.split("\r\n");
  const [method = "", path = ""] = requestLine.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { method, path, headers, atMs, connection };
}

/** Returns whether the connection may carry another request. */
async function send(socket: Socket, request: RecordedRequest, answer: Answer): Promise<boolean> {
  switch (answer.kind) {
    case "silence":
      return false;
    case "reset":
      resetConnection(socket);
      return false;
    case "close":
      socket.end();
      return false;
    case "raw":
      socket.end(answer.bytes);
      return false;
    case "message":
      return sendMessage(socket, request, answer);
  }
}

async function sendMessage(
  socket: Socket,
  request: RecordedRequest,
  answer: MessageAnswer,
): Promise<boolean> {
  const { body, framing, stop, pace } = answer;
  const closes = framing === "close" || request.headers["connection"]?.toLowerCase() === "close";
  const headers: Record<string, string> = { ...answer.headers };
  if (framing === "chunked") {
    headers["Transfer-Encoding"] = "chunked";
  } else if (framing === "length") {
    headers["Content-Length"] = String(answer.declaredLength ?? body.length);
  }
  headers["Connection"] = closes ? "close" : "keep-alive";
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  await write(socket, Buffer.from(`HTTP/1.1 ${answer.status} Test\r\n${lines.join("")}\r\n`));

  if (request.method !== "HEAD") {
    const limit = Math.min(stop?.afterBytes ?? body.length, body.length);
    const step = pace?.bytes ?? 65_536;
    for (let at = 0; at < limit && !socket.destroyed; at += step) {
      const piece = body.subarray(at, Math.min(at + step, limit));
      await write(socket, framing === "chunked" ? asChunk(piece) : piece);
      if (pace !== undefined) {
        await pause(socket, pace.everyMs);
      }
    }
    if (stop !== undefined) {
      if (stop.how === "reset") {
        await pause(socket, 20); // a RST throws away what the peer has not read yet
        resetConnection(socket);
      } else if (stop.how === "close") {
        socket.end();
      }
      return false;
    }
    if (framing === "chunked") {
      await write(socket, Buffer.from("0\r\n\r\n"));
    }
  }
  if (closes) {
    socket.end();
  }
  return !closes && !socket.destroyed;
}

function asChunk(piece: Uint8Array): Uint8Array {
  return Buffer.concat([
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from("\r\n"),
  ]);
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) {
      resolve();
      return;
    }
    const settle = (): void => {
      socket.off("close", settle);
      resolve();
    };
    socket.once("close", settle);
    socket.write(bytes, settle);
  });
}

function pause(socket: Socket, forMs: number): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      socket.off("close", settle);
      resolve();
    };
    const timer = setTimeout(settle, forMs);
    socket.once("close", settle);
  });
}

/** RST; over TLS the one of the TCP connection below. */
function resetConnection(socket: Socket): void {
  socket.resetAndDestroy();
}
