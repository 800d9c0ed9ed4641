import { afterAll, beforeAll, expect, test } from "bun:test";
import { makeCertificates } from "./certificates.ts";
import { type ChildResult, runChild } from "./child.ts";
import { HttpServer, serve } from "./http-server.ts";
import { ForwardProxy } from "./proxy.ts";

const certificates = makeCertificates();
let plain: HttpServer;
let secure: HttpServer;

beforeAll(async () => {
  plain = await HttpServer.start();
  secure = await HttpServer.start({ tls: certificates.server });
  for (const server of [plain, secure]) {
    server.on("/a", serve(new Uint8Array(300_000).fill(97)));
  }
});

afterAll(async () => {
  await plain.stop();
  await secure.stop();
  certificates.dispose();
});

/** The status that the client saw and how many bytes it got. */
async function through(proxy: string, url: string): Promise<ChildResult> {
  const args = ["-sS", "-m", "5", "--noproxy", "", "-x", proxy, "--cacert", certificates.caFile];
  return runChild({
    file: "curl",
    args: [...args, "-o", "/dev/null", "-w", "%{http_code} %{http_connect} %{size_download}", url],
  });
}

test("a proxy passes absolute URIs and tunnels on, and records them", async () => {
  await using proxy = await ForwardProxy.start();
  expect((await through(proxy.url, `${plain.url}/a?q=1`)).stdout).toBe("200 000 300000");
  expect((await through(proxy.url, `${secure.url}/a`)).stdout).toBe("200 200 300000");
  expect(proxy.requests).toEqual([
    { method: "GET", target: `${plain.url}/a?q=1`, authorization: undefined, status: 200 },
    {
      method: "CONNECT",
      target: `127.0.0.1:${secure.port}`,
      authorization: undefined,
      status: 200,
    },
  ]);
  expect(plain.requests.at(-1)).toMatchObject({ path: "/a?q=1" });
  expect(Object.keys(plain.requests.at(-1)?.headers ?? {})).not.toContain("proxy-connection");
});

test("a proxy can lead an invented host to a loopback server", async () => {
  await using proxy = await ForwardProxy.start({
    route: () => ({ host: "127.0.0.1", port: secure.port }),
  });
  expect((await through(proxy.url, "https://kernels.invalid/a")).stdout).toBe("200 200 300000");
  expect(proxy.requests.map(({ target }) => target)).toEqual(["kernels.invalid:443"]);
});

test("a proxy with credentials lets only those through", async () => {
  const credentials = { user: "ann", password: "p@ss:word" };
  await using proxy = await ForwardProxy.start({ credentials });
  const right = proxy.urlWith(credentials.user, credentials.password);
  expect((await through(right, `${secure.url}/a`)).stdout).toBe("200 200 300000");
  expect((await through(proxy.url, `${secure.url}/a`)).stdout).toBe("000 407 0");
  expect((await through(proxy.urlWith("ann", "x"), `${plain.url}/a`)).stdout).toStartWith("407");
  expect(proxy.requests.map(({ status }) => status)).toEqual([200, 407, 407]);
});

test("a proxy can refuse everything, and answers 502 for a server that is down", async () => {
  await using refusing = await ForwardProxy.start({ refuseAll: true });
  expect((await through(refusing.url, `${secure.url}/a`)).stdout).toBe("000 403 0");
  await using proxy = await ForwardProxy.start();
  const gone = await HttpServer.start();
  await gone.stop();
  expect((await through(proxy.url, `${gone.url}/a`)).stdout).toStartWith("502");
});
