import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "./certificates.ts";
import { type ChildResult, runChild } from "./child.ts";
import { Nginx } from "./nginx.ts";

function curl(...args: readonly string[]): Promise<ChildResult> {
  return runChild({ file: "curl", args: ["-sS", "--noproxy", "*", "-m", "5", ...args] });
}

test("nginx serves a folder over http and https, with ranges, and its log counts downloads", async () => {
  const root = mkdtempSync(join(tmpdir(), "banger-nginx-root-"));
  using certificates = makeCertificates();
  writeFileSync(join(root, "a.txt"), "0123456789");
  const nginx = await Nginx.start({ root, certificate: certificates.server });
  try {
    expect((await curl(`${nginx.url}/a.txt`)).stdout).toBe("0123456789");
    expect((await curl("-r", "4-", `${nginx.url}/a.txt`)).stdout).toBe("456789");
    expect((await curl(`${nginx.url}/b.txt`, "-f")).exitCode).toBe(22);
    const secure = await curl("--cacert", certificates.caFile, `${nginx.httpsUrl}/a.txt`);
    expect(secure.stdout).toBe("0123456789");
    expect((await curl(`${nginx.httpsUrl}/a.txt`)).exitCode).toBe(60);
    expect(nginx.requests().map(({ scheme, status, range }) => [scheme, status, range])).toEqual([
      ["http", 200, undefined],
      ["http", 206, "bytes=4-"],
      ["http", 404, undefined],
      ["https", 200, undefined],
    ]);
    expect(nginx.downloads("/a.txt").map((request) => request.bodyBytesSent)).toEqual([10, 6, 10]);
  } finally {
    await nginx.stop();
    rmSync(root, { recursive: true });
  }
  expect((await curl(nginx.url)).exitCode).toBe(7);
  await nginx.stop();
});

test("nginx dies with the process that started it, even if that is killed", async () => {
  const script = `
    const { Nginx } = await import(${JSON.stringify(join(import.meta.dirname, "nginx.ts"))});
    const nginx = await Nginx.start({ root: "/usr/share" });
    console.log(nginx.url);
    process.kill(process.pid, "SIGKILL");`;
  const scratch = mkdtempSync(join(tmpdir(), "banger-nginx-killed-"));
  const env = { ...process.env, TMPDIR: scratch };
  const killed = await runChild({ file: process.execPath, args: ["-e", script], env });
  rmSync(scratch, { recursive: true });
  expect(killed.signal).toBe("SIGKILL");
  expect(killed.stdout).toMatch(/^http:/);
  expect((await curl("--retry", "0", killed.stdout.trim())).exitCode).toBe(7);
});

test("nginx is up only when the ports are its own", async () => {
  const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("another") });
  try {
    const server = `server { listen 1; listen 127.0.0.1:${other.port}; }`;
    const start = Nginx.start({ root: "/usr/share", server, attempts: 1 });
    const failure = await start.catch((error: unknown) => String(error));
    expect(failure).toContain("Address already in use");
  } finally {
    await other.stop(true);
  }
});
