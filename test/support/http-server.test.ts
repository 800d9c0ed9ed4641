import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeCertificates } from "./certificates.ts";
import { type ChildResult, runChild } from "./child.ts";
import {
  HttpServer,
  chunked,
  corruptBit,
  etagOf,
  falselyGzipped,
  gzipped,
  hangUp,
  ignoreRange,
  newEtagEachTime,
  oneByteLess,
  oneByteMore,
  raw,
  redirect,
  reset,
  serve,
  silence,
  stallAfter,
  status,
  trickle,
  truncateAfter,
  wrongContentRange,
} from "./http-server.ts";

const bytes: Uint8Array = new TextEncoder().encode("0123456789abcdef");
const certificates = makeCertificates();
let server: HttpServer;

beforeAll(async () => {
  server = await HttpServer.start();
});

afterAll(async () => {
  await server.stop();
  certificates.dispose();
});

function curl(...args: readonly string[]): Promise<ChildResult> {
  return runChild({ file: "curl", args: ["-sS", "--noproxy", "*", "-m", "5", ...args] });
}

function ranged(path: string, ...more: readonly string[]): Promise<ChildResult> {
  return curl("-i", "-H", "Range: bytes=4-7", ...more, server.url + path);
}

function trusted(...args: readonly string[]): Promise<ChildResult> {
  return curl("--cacert", certificates.caFile, ...args);
}

describe("a scripted server", () => {
  test("uses its behaviours one a request, repeats the last and records what came", async () => {
    server.on("/turns", status(503, { "Retry-After": "7" }, "later"), serve(bytes));
    const first = await curl("-i", `${server.url}/turns`);
    expect(first.stdout).toMatch(/^HTTP\/1\.1 503[^]*Retry-After: 7[^]*later$/);
    for (const query of ["", "?a=b"]) {
      expect((await curl(`${server.url}/turns${query}`)).stdout).toBe("0123456789abcdef");
    }
    const seen = server.requestsFor("/turns");
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /turns",
      "GET /turns",
      "GET /turns?a=b",
    ]);
    expect(seen[0]?.headers["user-agent"]).toMatch(/^curl/);
    await server.waitForRequests(3, "/turns");
    expect((await curl("-i", `${server.url}/nowhere`)).stdout).toStartWith("HTTP/1.1 404");
  });

  test("keeps a connection for several requests and answers HEAD without a body", async () => {
    server.on("/kept", serve(bytes));
    const before = server.connections;
    const { stdout } = await curl(`${server.url}/kept`, `${server.url}/kept`);
    expect(stdout).toBe("0123456789abcdef0123456789abcdef");
    expect(server.connections).toBe(before + 1);
    expect((await curl("-I", `${server.url}/kept`)).stdout).toContain("Content-Length: 16\r\n");
  });

  test("sends a body of many megabytes whole", async () => {
    const large = new Uint8Array(20_000_000).fill(120);
    server.on("/large", serve(large)).on("/large-chunked", chunked(large));
    for (const path of ["/large", "/large-chunked"]) {
      const { stdout } = await curl("-o", "/dev/null", "-w", "%{size_download}", server.url + path);
      expect(stdout).toBe("20000000");
    }
  });
});

describe("ranges", () => {
  test("are honoured, with If-Range by strong comparison and 416 past the end", async () => {
    server.on("/r", serve(bytes)).on("/weak", serve(bytes, { etag: 'W/"a"' }));
    const part = await ranged("/r", "-H", `If-Range: ${etagOf(bytes)}`);
    expect(part.stdout).toMatch(/^HTTP\/1\.1 206[^]*Content-Range: bytes 4-7\/16\r[^]*\n4567$/);
    expect((await ranged("/r", "-H", 'If-Range: "x"')).stdout).toMatch(/^HTTP\/1\.1 200/);
    expect((await ranged("/weak", "-H", 'If-Range: W/"a"')).stdout).toMatch(/^HTTP\/1\.1 200/);
    expect((await curl("-r", "12-", `${server.url}/r`)).stdout).toBe("cdef");
    expect((await curl("-r", "-3", `${server.url}/r`)).stdout).toBe("def");
    const past = await curl("-i", "-r", "16-", `${server.url}/r`);
    expect(past.stdout).toMatch(/^HTTP\/1\.1 416[^]*Content-Range: bytes \*\/16/);
  });

  test("can be ignored, told wrong, or fail for an ETag that changes each time", async () => {
    server.on("/ignored", ignoreRange(bytes)).on("/wrong", wrongContentRange(bytes));
    server
      .on(
        "/untold",
        wrongContentRange(bytes, () => undefined),
      )
      .on("/new", newEtagEachTime(bytes));
    expect((await ranged("/ignored")).stdout).toMatch(/^HTTP\/1\.1 200[^]*0123456789abcdef$/);
    expect((await ranged("/wrong")).stdout).toContain("Content-Range: bytes 5-7/16\r\n");
    expect((await ranged("/untold")).stdout).not.toContain("Content-Range");
    expect((await curl("-I", `${server.url}/new`)).stdout).toContain('ETag: "turn-1"');
    expect((await curl("-I", `${server.url}/new`)).stdout).toContain('ETag: "turn-2"');
  });
});

describe("bodies that are not what they should be", () => {
  test("differ by a bit or a byte", async () => {
    server.on("/bit", corruptBit(bytes, 2)).on("/more", oneByteMore(bytes));
    server.on("/less", oneByteLess(bytes));
    expect((await curl(`${server.url}/bit`)).stdout).toBe("0133456789abcdef");
    expect((await curl(`${server.url}/more`)).stdout).toBe("0123456789abcdef\0");
    expect((await curl(`${server.url}/less`)).stdout).toBe("0123456789abcde");
  });

  test("end early in each framing: curl sees it for a length and for chunks only", async () => {
    server.on("/length", truncateAfter(5, bytes));
    server.on("/chunks", truncateAfter(5, bytes, { framing: "chunked" }));
    server.on("/close", truncateAfter(5, bytes, { framing: "close" }));
    server.on("/short", serve(bytes, { declaredLength: 3 }));
    for (const [path, code] of [
      ["/length", 18],
      ["/chunks", 18],
      ["/close", 0],
    ] as const) {
      expect(await curl(server.url + path)).toMatchObject({ stdout: "01234", exitCode: code });
    }
    expect((await curl(`${server.url}/short`)).stdout).toBe("012");
  });

  test("are encoded, truly or by label only", async () => {
    server.on("/gzip", gzipped(bytes)).on("/label", falselyGzipped(bytes));
    expect((await curl("--compressed", `${server.url}/gzip`)).stdout).toBe("0123456789abcdef");
    expect((await curl("--compressed", `${server.url}/label`)).exitCode).toBe(61);
    expect((await curl(`${server.url}/label`)).stdout).toBe("0123456789abcdef");
  });
});

describe("connections that go wrong", () => {
  test("stall, trickle or never answer until the client gives up", async () => {
    server.on("/stall", stallAfter(5, bytes)).on("/silence", silence());
    server.on("/trickle", trickle(bytes));
    const impatient = async (path: string): Promise<ChildResult> =>
      curl("-N", "-m", "1.5", server.url + path);
    const [stall, quiet, slow] = await Promise.all(
      ["/stall", "/silence", "/trickle"].map(impatient),
    );
    expect(stall).toMatchObject({ exitCode: 28, stdout: "01234" });
    expect(quiet).toMatchObject({ exitCode: 28, stdout: "" });
    expect(slow).toMatchObject({ exitCode: 28, stdout: "01" });
  });

  test("are reset, closed without a word, or say something else than HTTP", async () => {
    server.on("/reset", reset()).on("/reset-later", reset(5, bytes));
    server.on("/hang-up", hangUp()).on("/raw", raw("SSH-2.0-nothing\r\n"));
    expect((await curl(`${server.url}/reset`)).exitCode).toBe(56);
    const later = await curl(`${server.url}/reset-later`);
    expect(later).toMatchObject({ exitCode: 56, stdout: "01234" });
    expect(later.stderr).toContain("reset by peer");
    expect((await curl(`${server.url}/hang-up`)).exitCode).toBe(52);
    expect((await curl(`${server.url}/raw`)).exitCode).toBe(1);
  });

  test("are redirected in a loop", async () => {
    server.on("/loop", redirect("/loop"));
    expect((await curl("-L", "--max-redirs", "3", `${server.url}/loop`)).exitCode).toBe(47);
    expect(server.requestsFor("/loop")).toHaveLength(4);
  });
});

describe("TLS", () => {
  test("works with the certificate of the test CA and leads to http when told so", async () => {
    await using secure = await HttpServer.start({ tls: certificates.server });
    server.on("/plain", serve(bytes));
    secure.on("/a", serve(bytes)).on("/down", redirect(`${server.url}/plain`));
    secure.on("/reset", reset(5, bytes)).on("/stall", stallAfter(5, bytes));
    expect((await trusted(`${secure.url}/a`)).stdout).toBe("0123456789abcdef");
    expect((await curl(`${secure.url}/a`)).exitCode).toBe(60);
    const down = await trusted("-L", "--proto-redir", "=https", `${secure.url}/down`);
    expect(down.exitCode).toBe(1);
    expect(await trusted(`${secure.url}/reset`)).toMatchObject({ exitCode: 56, stdout: "01234" });
    expect((await trusted("-m", "1", `${secure.url}/stall`)).exitCode).toBe(28);
    expect(secure.connections).toBe(5);
  });

  test("never finishes its handshake when told so", async () => {
    await using silent = await HttpServer.start({ silentHandshake: true });
    expect((await curl("-m", "1", `${silent.url}/a`)).exitCode).toBe(28);
    expect(silent).toMatchObject({ connections: 1, requests: [] });
  });

  test("fails for certificates that are expired, of another host or of nobody", async () => {
    for (const tls of [certificates.expired, certificates.wrongHost, certificates.selfSigned]) {
      await using bad = await HttpServer.start({ tls });
      bad.on("/a", serve(bytes));
      expect((await trusted(`${bad.url}/a`)).exitCode).toBe(60);
      expect((await curl("-k", `${bad.url}/a`)).stdout).toBe("0123456789abcdef");
    }
  });
});

test("a stopped server takes no connection, and may be stopped twice", async () => {
  const short = await HttpServer.start();
  await short.stop();
  await short.stop();
  expect((await curl(short.url)).exitCode).toBe(7);
});
