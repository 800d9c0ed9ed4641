/** Rows 14 to 18 of the table of faults: what a server, or the way to it, can do wrong. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { textAt } from "../support/answers.ts";
import { makeCertificates } from "../support/certificates.ts";
import { recordFault } from "../support/fault-table.ts";
import * as http from "../support/http-server.ts";
import { Sandbox, smallKernel } from "../support/sandbox.ts";

const certificates = makeCertificates();
const template = new Sandbox();
const vmlinux = smallKernel({ version: "6.12.2" });
const newer = template.bundle({ version: "6.12.2", files: { vmlinux } });
const bytes = new Uint8Array(readFileSync(template.bundlePath(newer)));
const file = new URL(newer.tarball_url).pathname;
const pull = ["kernel", "pull", "generic-6.12", "--json"];
const storeOnly = { withoutLocksAndParts: true };
let plain: http.HttpServer;
let silent: http.HttpServer;

beforeAll(async () => {
  plain = await http.HttpServer.start();
  plain.on(file, http.serve(bytes));
  silent = await http.HttpServer.start({ silentHandshake: true });
  template.writeCatalog([template.bundle({ version: "6.12.1" })]);
  template.useMirrors();
  expect(await template.banger(pull)).toMatchObject({ exitCode: 0 });
});

afterAll(async () => {
  await plain.stop();
  await silent.stop();
  await template.dispose();
  certificates.dispose();
});

/** A machine with 6.12.1 installed, whose catalog has 6.12.2 at one https URL. */
class Machine extends Sandbox {
  readonly server: http.HttpServer;

  private constructor(server: http.HttpServer) {
    super();
    this.server = server;
    cpSync(template.state, this.state, { recursive: true, verbatimSymlinks: true });
    this.lookFor(server.url);
    this.setEnv("SSL_CERT_FILE", certificates.caFile);
    this.setEnv("BANGER_HTTP_RETRIES", "1");
  }

  static async start(...answers: readonly http.Behaviour[]): Promise<Machine> {
    const server = await http.HttpServer.start({ tls: certificates.server });
    return new Machine(server.on(file, ...answers));
  }

  /** Lets the catalog name the tarball below another base. */
  lookFor(base: string): void {
    this.writeCatalog([{ ...newer, tarball_url: `${base}${file}` }], { serial: 2 });
  }

  /** The Range of each request for the tarball; a dash when there was none. */
  ranges(): readonly string[] {
    return this.server.requestsFor(file).map(({ headers }) => headers["range"] ?? "-");
  }

  /** Milliseconds between one request and the next. */
  gaps(): readonly number[] {
    const times = this.server.requestsFor(file).map(({ atMs }) => atMs);
    return times.slice(1).map((time, index) => time - (times[index] ?? 0));
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    await this.server.stop();
  }
}

/** Pulls in vain. The wanted text is `code: message`, the code unabridged. Gives stderr. */
async function expectFailure(
  machine: Machine,
  row: number,
  done: string,
  wanted: RegExp,
): Promise<string> {
  const before = machine.snapshot(storeOnly);
  const run = await machine.banger(pull);
  const document: unknown = JSON.parse(run.stdout);
  const [code, message] = [textAt(document, "error.code"), textAt(document, "error.message")];
  const hint = textAt(document, "error.hint");
  expect(`${code}: ${message.replace("cannot pull generic-6.12: ", "")}`).toMatch(wanted);
  expect(hint).toContain("BANGER_MIRRORS");
  expect(run.stderr).toEndWith(`banger: error: ${message}\nhint: ${hint}\n`);
  expect(run.exitCode).toBe(code === "verification-failed" ? 4 : 5);
  expect(machine.snapshot(storeOnly)).toEqual(before);
  recordFault({ row, done, exit: run.exitCode ?? "killed", code, store: "same" });
  return run.stderr;
}

/** Pulls with success: the very bytes of the new kernel are installed. */
async function expectInstalled(machine: Machine, row: number, done: string): Promise<void> {
  expect(await machine.banger(pull)).toMatchObject({ exitCode: 0 });
  const installed = readFileSync(join(machine.state, "kernels/generic-6.12/vmlinux"));
  expect(installed.equals(vmlinux)).toBe(true);
  recordFault({ row, done, exit: 0, code: "-", store: "as wanted" });
}

const { gzipped, redirect, reset, serve, status } = http;
/** Where answers are cut, and the Range that goes on from there. */
const cut = 20_000;
const rest = `bytes=${cut}-`;
/** The client has all of the bytes in hand when the connection ends. */
const pace = { bytes: cut, everyMs: 100 };
const cutOff = http.truncateAfter(cut, bytes, { pace });
const cutClose = http.truncateAfter(cut, bytes, { pace, framing: "close", etag: false });
const cutChunks = http.truncateAfter(cut, bytes, { pace, framing: "chunked", etag: false });
const saysLess = serve(bytes, { declaredLength: 1000, etag: false });
const empty = serve(new Uint8Array());
const toPlain: http.Behaviour = (request) => redirect(plain.url + file)(request);
const unasked: http.Behaviour = (request) => serve(bytes)({ ...request, headers: { range: rest } });
const aFewBytes = serve(bytes, { pace: { bytes: 1, everyMs: 50 } });

type Fault = readonly [string, http.Behaviour[], requests: number, wanted: RegExp];
const faults: Readonly<Record<number, readonly Fault[]>> = {
  14: [
    ["a redirect from https to http", [toPlain], 1, /^network: .* to http:.* is not https$/],
    ["http behind two redirects", [redirect(file), toPlain], 2, /^network: .* is not https$/],
    ["a redirect to a file", [redirect("file:///x")], 1, /^network: .* to file:.* is not https$/],
    ["a redirect to no URL", [redirect("https://[")], 1, /^network: .* that is no URL$/],
    ["a redirect to nowhere", [status(302)], 1, /^network: .* answered 302$/],
    ["a redirect in a loop", [redirect(file)], 6, /^network: .* redirects more than 5 times$/],
  ],
  15: [
    ["a body that really is gzip", [gzipped(bytes)], 2, /^verification-failed: .* size is \d+ by/],
    [
      "a short Content-Length",
      [saysLess],
      2,
      /^verification-failed: .* size is 1000 bytes, expect/,
    ],
    ["a cut body without length", [cutClose], 2, /^verification-failed: .* size is 20000 bytes/],
    ["a cut chunked body", [cutChunks], 2, /^network: .* the connection broke off$/],
    ["a cut body with its length", [cutOff, reset()], 2, /^network: .* the connection broke off$/],
    ["an empty body", [empty], 2, /^verification-failed: .* size is 0 bytes, expected \d+$/],
    ["a byte too many", [http.oneByteMore(bytes)], 1, /^verification-failed: .* than the expected/],
  ],
  16: [
    ["a part that nobody asked for", [unasked], 1, /^network: .* a part that nobody asked for$/],
  ],
  17: [
    ["a stall", [http.stallAfter(cut, bytes)], 2, /^timeout: .* only 0 bytes within 0\.4 s$/],
    ["a few bytes a second", [aFewBytes], 2, /^timeout: .* only \d+ bytes within 0\.4 s$/],
    ["headers that never come", [http.silence()], 2, /^timeout: .* no answer within 0\.4 s$/],
  ],
  18: [
    ["a reset at once", [reset()], 2, /^network: .* the connection broke off$/],
    ["a reset in the body", [reset(cut, bytes), reset()], 2, /^network: .* broke off$/],
    ["a connection closed at once", [http.hangUp()], 2, /^network: .* the connection broke off$/],
    ["an answer that is not HTTP", [http.raw("SSH-2.0-x\r\n")], 2, /^network: .* broke off$/],
    ...[408, 425, 429, 500, 502, 503, 504].map((code) => statusFault(code, 2)),
    ...[400, 401, 403, 404, 410, 451].map((code) => statusFault(code, 1)),
  ],
};

function statusFault(code: number, requests: number): Fault {
  return [`status ${code}`, [status(code)], requests, new RegExp(`^network: .* answered ${code}$`)];
}

for (const [row, rows] of Object.entries(faults)) {
  // Time-outs are short, so that nothing else may need the processor in the meantime.
  const add = row === "17" ? test : test.concurrent;
  for (const [what, answers, requests, wanted] of rows) {
    const after = requests === 1 ? "one request" : `${requests} requests`;
    add(`row ${row}: ${what} is a failure after ${after}`, async () => {
      await using machine = await Machine.start(...answers);
      machine.setEnv("BANGER_HTTP_TIMEOUT", row === "17" ? "0.4" : "20");
      await expectFailure(machine, Number(row), what, wanted);
      expect(machine.ranges()).toHaveLength(requests);
      if (row === "14") expect(plain.requests).toEqual([]);
    });
  }
}

const other = bytes.toReversed();
const otherEtag = serve(bytes, { etag: '"other"' });
const otherPart: http.Behaviour = (request) => otherEtag({ ...request, headers: { range: rest } });
const sameEtag = serve(other, { etag: http.etagOf(bytes) });
const past: http.Behaviour = status(416, { "Content-Range": `bytes */${bytes.length}` });
const wrongRange = http.wrongContentRange(bytes);
const noRange = http.wrongContentRange(bytes, () => undefined);
const weak = http.truncateAfter(cut, bytes, { pace, etag: 'W/"a"' });
const modified = "Thu, 01 Jan 2026 00:00:00 GMT";
const dated = { etag: false, headers: { "Last-Modified": modified } } as const;
const cutDated = http.truncateAfter(cut, bytes, { ...dated, pace });
const whole = serve(bytes);
const hop = redirect(file);

type Recovery = readonly [row: number, string, http.Behaviour[], ranges: string[]];
const recoveries: readonly Recovery[] = [
  [14, "five redirects are followed", [hop, hop, hop, hop, hop, whole], Array(6).fill("-")],
  [15, "gzip by its label only is taken as it is", [http.falselyGzipped(bytes)], ["-"]],
  [15, "a chunked body is taken", [http.chunked(bytes)], ["-"]],
  [15, "a body without length is taken", [serve(bytes, { framing: "close" })], ["-"]],
  [16, "a cut answer is continued", [cutOff, whole], ["-", rest]],
  [16, "a Range that is ignored starts anew", [cutOff, http.ignoreRange(bytes)], ["-", rest]],
  [16, "a wrong Content-Range starts anew", [cutOff, wrongRange, whole], ["-", rest, "-"]],
  [16, "a missing Content-Range starts anew", [cutOff, noRange, whole], ["-", rest, "-"]],
  [16, "416 starts anew", [cutOff, past, whole], ["-", rest, "-"]],
  [16, "an ETag that changed starts anew", [cutOff, otherEtag], ["-", rest]],
  [16, "a part under another ETag starts anew", [cutOff, otherPart, whole], ["-", rest, "-"]],
  [16, "a part of another file starts anew", [cutOff, sameEtag, whole], ["-", rest, "-"]],
  [16, "a weak ETag is not continued", [weak, whole], ["-", "-"]],
  [16, "a date is continued", [cutDated, serve(bytes, dated)], ["-", rest]],
  [18, "503 is tried again", [status(503), whole], ["-", "-"]],
];

for (const [row, what, answers, ranges] of recoveries) {
  test.concurrent(`row ${row}: ${what}`, async () => {
    await using machine = await Machine.start(...answers);
    machine.setEnv("BANGER_HTTP_RETRIES", "2");
    await expectInstalled(machine, row, what);
    expect(machine.ranges()).toEqual(ranges);
    const validator = what.includes("date") ? modified : http.etagOf(bytes);
    for (const { headers } of machine.server.requests) {
      expect(headers["if-range"]).toBe(headers["range"] === undefined ? undefined : validator);
      expect(headers["accept-encoding"]).toBe("identity");
    }
  });
}

test.concurrent.each([
  ["continues what an earlier one left", bytes, ["-", rest, rest]],
  ["starts anew when the part file was changed", other, ["-", rest, rest, "-"]],
] as const)("row 16: a run %s", async (what, left, ranges) => {
  await using machine = await Machine.start(cutOff, reset(), whole);
  expect(await machine.banger(pull)).toMatchObject({ exitCode: 5 });
  const parts = join(machine.state, "kernels/.parts");
  const part = join(parts, readdirSync(parts).find((name) => name.endsWith(".part")) ?? "");
  expect(readFileSync(part).equals(bytes.subarray(0, cut))).toBe(true);
  writeFileSync(part, left.subarray(0, cut));
  await expectInstalled(machine, 16, `a run ${what}`);
  expect(machine.ranges()).toEqual([...ranges]);
});

test("row 17: a stall is continued, and a TLS handshake that never comes is a failure", async () => {
  await using machine = await Machine.start(http.stallAfter(cut, bytes), whole);
  machine.setEnv("BANGER_HTTP_TIMEOUT", "0.4");
  machine.lookFor(silent.url);
  await expectFailure(machine, 17, "no TLS handshake", /^timeout: .* no answer within 0\.4 s$/);
  expect(silent.connections).toBe(2);
  machine.lookFor(machine.server.url);
  await expectInstalled(machine, 17, "a stall that passes");
  expect(machine.ranges()).toEqual(["-", rest]);
});

test.concurrent.each([
  ["no such host", "https://kernels.invalid", /^network: .* the(re is no such host| name could)/],
  ["nobody listens", "https://127.0.0.1:1", /^network: .* the connection was refused$/],
] as const)("row 18: %s is tried again and then a failure", async (what, base, wanted) => {
  await using machine = await Machine.start();
  machine.lookFor(base);
  const said = await expectFailure(machine, 18, what, wanted);
  expect(said.match(/; trying again in 0\.\d s$/gm)).toHaveLength(1);
});

test.concurrent.each([
  ["seconds", (): string => "1", 950],
  ["a date", (): string => new Date(Date.now() + 2500).toUTCString(), 1400],
  ["no sense", (): string => "soon", 100],
] as const)("row 18: a Retry-After of %s is honoured", async (what, value, leastMs) => {
  const busy: http.Behaviour = (request) => status(429, { "Retry-After": value() })(request);
  await using machine = await Machine.start(busy, whole);
  await expectInstalled(machine, 18, `Retry-After of ${what}`);
  expect(machine.gaps()[0]).toBeWithin(leastMs, leastMs + 2000);
});

test.concurrent("row 18: a Retry-After of a day is cut to half a minute", async () => {
  await using machine = await Machine.start(status(503, { "Retry-After": "86400" }));
  const run = machine.start(pull);
  await run.waitForStderr(/answered 503; trying again in 30\.0 s/);
  run.kill("SIGINT");
  expect(await run.done).toMatchObject({ exitCode: 130 });
});

test("row 18: tries are bounded, and wait twice as long each time, with jitter", async () => {
  const runs = Array.from({ length: 6 }, async () => {
    await using machine = await Machine.start(status(500));
    machine.setEnv("BANGER_HTTP_RETRIES", "3");
    const { stderr } = await machine.banger(pull);
    const delays = [...stderr.matchAll(/trying again in ([\d.]+) s/g)].map((match) => match[1]);
    expect(machine.gaps()).toEqual(delays.map(() => expect.any(Number)));
    for (const [index, delay] of delays.entries()) {
      const middle = 0.3 * 2 ** index;
      expect(Number(delay)).toBeWithin(0.5 * middle - 0.051, 1.5 * middle + 0.051);
      expect(machine.gaps()[index]).toBeGreaterThan(1000 * Number(delay) - 60);
    }
    return delays.join();
  });
  expect(new Set(await Promise.all(runs)).size).toBeGreaterThan(1);
});
