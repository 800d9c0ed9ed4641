import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BangerError } from "../../src/core/errors.ts";
import { fetchFile, fetchSmallFile } from "../../src/io/fetch-file.ts";
import { PartFile } from "../../src/io/part-file.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import {
  type Behaviour,
  HttpServer,
  redirect,
  serve,
  status,
  truncateAfter,
} from "../support/http-server.ts";
import { randomBytesOf } from "../support/small-kernel.ts";

const bytes = randomBytesOf("a tarball", 300_000);
let certificates: Certificates;
let server: HttpServer;
let folder = "";

beforeAll(() => {
  certificates = makeCertificates();
});

afterAll(() => {
  certificates.dispose();
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "banger-fetch-"));
  server = await HttpServer.start({ tls: certificates.server });
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const starts: string[] = [];

function options(): Parameters<typeof fetchFile>[2] {
  starts.length = 0;
  return {
    maxBytes: 2 ** 20,
    timeoutMs: 5000,
    retries: 2,
    signal: new AbortController().signal,
    userAgent: "test",
    environment: { SSL_CERT_FILE: certificates.caFile },
    onBytes: () => {},
    onRetry: () => {},
    onStart: (total, resumed) => starts.push(`${resumed} of ${total}`),
  };
}

/** What is in the part file after it, or the error. */
async function fetched(
  url: string = `${server.url}/a`,
  changes: Partial<Parameters<typeof fetchFile>[2]> = {},
): Promise<string> {
  const part = PartFile.open(join(folder, "part"));
  try {
    await fetchFile(url, part, { ...options(), ...changes });
    return readFileSync(join(folder, "part")).equals(bytes) ? "whole" : "wrong";
  } catch (error) {
    if (error instanceof BangerError) return `${error.code}: ${error.message}`;
    throw error;
  } finally {
    part.close();
  }
}

/** Slowly enough that what was sent has arrived when the connection ends. */
const cutAt100000 = truncateAfter(100_000, bytes, { pace: { bytes: 50_000, everyMs: 100 } });

/** HEAD tells the truth, whatever GET does. */
function withHead(get: Behaviour, ...more: readonly Behaviour[]): Behaviour {
  const gets = [get, ...more];
  return (request) =>
    request.method === "HEAD"
      ? serve(bytes)(request)
      : (gets.length > 1 ? (gets.shift() ?? get) : (gets[0] ?? get))(request);
}

describe("a file of unknown size", () => {
  test("is asked for its size, and fetched", async () => {
    server.on("/a", serve(bytes));
    expect(await fetched()).toBe("whole");
    expect(server.requests.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
    expect(starts).toEqual([`0 of ${bytes.length}`]);
  });

  test("is found behind a redirection, also when only its size is asked for", async () => {
    server.on("/a", redirect("/b")).on("/b", serve(bytes));
    expect(await fetched()).toBe("whole");
  });

  test("goes on where a cut connection left it", async () => {
    server.on("/a", withHead(cutAt100000, serve(bytes)));
    expect(await fetched()).toBe("whole");
    expect(starts).toEqual([`0 of ${bytes.length}`, `100000 of ${bytes.length}`]);
    expect(server.requests.at(-1)?.headers["range"]).toBe("bytes=100000-");
  });

  test("goes on in the next run, and is not fetched again when it was whole", async () => {
    server.on("/a", withHead(cutAt100000, serve(bytes)));
    expect(await fetched(undefined, { retries: 0 })).toStartWith("network: ");
    expect(await fetched()).toBe("whole");
    expect(starts).toEqual([`100000 of ${bytes.length}`]);
    const before = server.requests.length;
    expect(await fetched()).toBe("whole");
    expect(server.requests.slice(before).map(({ method }) => method)).toEqual(["HEAD"]);
  });

  test("is not taken when it ends early each time, also without a length", async () => {
    const short = serve(bytes.subarray(0, 1000), { framing: "chunked", ranges: "ignored" });
    server.on("/a", withHead(short));
    expect(await fetched()).toBe(
      `network: ${server.url}/a: the answer has 1000 bytes, expected ${bytes.length}`,
    );
    expect(server.requests.filter(({ method }) => method === "GET")).toHaveLength(3);
  });

  test("is not taken when it is longer than the server said", async () => {
    server.on("/a", withHead(serve(Buffer.concat([bytes, bytes]))));
    expect(await fetched()).toStartWith("verification-failed: the server sends more than");
  });

  test("is not asked for when it is too large, or its size is not told", async () => {
    server.on("/a", serve(bytes)).on("/chunked", serve(bytes, { framing: "chunked" }));
    expect(await fetched(undefined, { maxBytes: 299_999 })).toBe(
      `network: ${server.url}/a has 300000 bytes, at most 299999 are taken`,
    );
    expect(await fetched(`${server.url}/chunked`)).toBe(
      `network: ${server.url}/chunked: the server does not say how large it is`,
    );
    expect(server.requests.map(({ method }) => method)).toEqual(["HEAD", "HEAD"]);
  });

  test("that is not there is not asked for again", async () => {
    expect(await fetched()).toBe(`network: ${server.url}/a answered 404`);
    expect(server.requests).toHaveLength(1);
  });

  test("is asked for again when the server was busy", async () => {
    server.on("/a", status(503, { "Retry-After": "0" }), serve(bytes));
    expect(await fetched()).toBe("whole");
  });

  test("is never fetched over http", async () => {
    for (const url of ["http://127.0.0.1:9/a", "ftp://127.0.0.1/a", "file:///etc/passwd"]) {
      expect(await fetched(url)).toBe(`usage: ${url} is not an https URL`);
    }
    server.on("/a", redirect("http://127.0.0.1:9/a"));
    expect(await fetched()).toContain("which is not https");
  });
});

async function small(maxBytes: number): Promise<string> {
  const part = PartFile.open(join(folder, "part"));
  try {
    await fetchSmallFile(`${server.url}/a`, part, { ...options(), maxBytes });
    return `${part.sizeBytes} bytes`;
  } catch (error) {
    if (error instanceof BangerError) return `${error.code}: ${error.message}`;
    throw error;
  } finally {
    part.close();
  }
}

describe("a small file", () => {
  test("is fetched in one request, and at most as large as it may be", async () => {
    server.on("/a", serve(bytes.subarray(0, 1000)));
    expect(await small(1000)).toBe("1000 bytes");
    expect(server.requests).toHaveLength(1);
    expect(await small(999)).toStartWith("verification-failed: the server sends more than");
  });

  test("is fetched from its start after a cut connection", async () => {
    server.on("/a", truncateAfter(400, bytes.subarray(0, 1000)), serve(bytes.subarray(0, 1000)));
    expect(await small(1000)).toBe("1000 bytes");
    expect(server.requests.at(-1)?.headers["range"]).toBeUndefined();
  });
});
