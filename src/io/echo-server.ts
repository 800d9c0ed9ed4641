import { createServer, type Server } from "node:net";
import { fileError } from "./files.ts";

/** Answers whatever comes over a Unix socket with the same. */
export class EchoServer implements Disposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws {BangerError} `io` */
  static listen(socketPath: string): Promise<EchoServer> {
    const server = createServer((socket) => {
      socket.on("error", () => {
        socket.destroy();
      });
      socket.pipe(socket);
    });
    return new Promise((resolve, reject) => {
      server.once("error", (error) => {
        reject(fileError(`cannot listen on ${socketPath}`, error));
      });
      server.listen(socketPath, () => {
        resolve(new EchoServer(server));
      });
    });
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}
