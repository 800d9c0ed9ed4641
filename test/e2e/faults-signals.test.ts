/** Row 28 of the table of faults: SIGHUP, SIGINT and SIGTERM during a download. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { documentOf, textAt } from "../support/answers.ts";
import { recordFault } from "../support/fault-table.ts";
import { type Behaviour, HttpServer, serve, silence } from "../support/http-server.ts";
import { stallAfter, status } from "../support/http-server.ts";
import { type RunningChild, Sandbox, smallKernel } from "../support/sandbox.ts";

const template = new Sandbox();
const vmlinux = smallKernel({ version: "6.12.2" });
const newer = template.bundle({ version: "6.12.2", files: { vmlinux } });
const bytes = new Uint8Array(readFileSync(template.bundlePath(newer)));
const file = new URL(newer.tarball_url).pathname;
const pull = ["kernel", "pull", "generic-6.12", "--json"];
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const codes = { SIGHUP: "hung-up", SIGINT: "interrupted", SIGTERM: "terminated" } as const;
const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
const cut = 20_000;

beforeAll(async () => {
  template.writeCatalog([template.bundle({ version: "6.12.1" })]);
  template.useMirrors();
  expect(await template.banger(pull)).toMatchObject({ exitCode: 0 });
});

afterAll(() => template.dispose());

/** A machine with 6.12.1 installed, and 6.12.2 in the catalog and on a mirror. */
class Machine extends Sandbox {
  readonly server: HttpServer;

  private constructor(server: HttpServer) {
    super();
    this.server = server;
    cpSync(template.state, this.state, { recursive: true, verbatimSymlinks: true });
    this.writeCatalog([newer], { serial: 2 });
    this.useMirrors(server.url);
    this.setEnv("BANGER_HTTP_TIMEOUT", "20");
  }

  static async start(...answers: readonly Behaviour[]): Promise<Machine> {
    const server = await HttpServer.start();
    return new Machine(server.on(file, ...answers));
  }

  /** What is there of the download; undefined when there is no part file. */
  get part(): Buffer | undefined {
    const part = join(this.state, "kernels/.parts", `${newer.tarball_sha256}.part`);
    return existsSync(part) ? readFileSync(part) : undefined;
  }

  /** Signals a pull, which must end within a second, leave nothing held, and the store as it was. */
  async expectStopped(
    run: RunningChild,
    signal: (typeof signals)[number],
    done: string,
  ): Promise<void> {
    const before = template.snapshot({ withoutLocksAndParts: true });
    const sentMs = performance.now();
    run.kill(signal);
    const result = await run.done;
    expect(performance.now() - sentMs).toBeLessThan(1000);
    const document = documentOf(result, exitCodes[signal]);
    expect(textAt(document, "error.code")).toBe(codes[signal]);
    expect(result.stderr).toEndWith(`banger: error: ${codes[signal]}\n`);
    expect(readdirSync(join(this.state, "kernels/.locks"))).toEqual([]);
    expect(this.snapshot({ withoutLocksAndParts: true })).toEqual(before);
    recordFault({ row: 28, done, exit: exitCodes[signal], code: codes[signal], store: "same" });
  }

  /** The next pull finds nobody in its way, and installs the very bytes. */
  async expectNextInstalls(): Promise<void> {
    documentOf(await this.banger([...pull, "--no-wait"]));
    const installed = readFileSync(join(this.state, "kernels/generic-6.12/vmlinux"));
    expect(installed.equals(vmlinux)).toBe(true);
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    await this.server.stop();
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

for (const signal of signals) {
  test(`row 28: ${signal} in a body keeps the part, and the next pull continues it`, async () => {
    await using machine = await Machine.start(stallAfter(cut, bytes), serve(bytes));
    const run = machine.start(pull);
    await until(() => machine.part?.length === cut);
    await machine.expectStopped(run, signal, `${signal} in the body`);
    expect(machine.part?.equals(bytes.subarray(0, cut))).toBe(true);
    await machine.expectNextInstalls();
    const ranges = machine.server.requestsFor(file).map(({ headers }) => headers["range"]);
    expect(ranges).toEqual([undefined, `bytes=${cut}-`]);
    expect(machine.part).toBeUndefined();
  });

  test(`row 28: ${signal} before the headers ends the pull`, async () => {
    await using machine = await Machine.start(silence(), serve(bytes));
    const run = machine.start(pull);
    await machine.server.waitForRequests(1);
    await machine.expectStopped(run, signal, `${signal} before the headers`);
    await machine.expectNextInstalls();
  });

  test(`row 28: ${signal} in the handshake of TLS ends the pull`, async () => {
    await using silent = await HttpServer.start({ silentHandshake: true });
    await using machine = await Machine.start(serve(bytes));
    machine.useMirrors(silent.url);
    const run = machine.start(pull);
    await until(() => silent.connections === 1);
    await machine.expectStopped(run, signal, `${signal} in the TLS handshake`);
    machine.useMirrors(machine.server.url);
    await machine.expectNextInstalls();
  });

  test(`row 28: ${signal} between two tries ends the pull`, async () => {
    const busy = status(503, { "Retry-After": "20" });
    await using machine = await Machine.start(busy, serve(bytes));
    const run = machine.start(pull);
    await run.waitForStderr(/trying again in 20\.0 s/);
    await machine.expectStopped(run, signal, `${signal} between two tries`);
    await machine.expectNextInstalls();
  });

  test(`row 28: ${signal} to a pull that waits for another leaves the other alone`, async () => {
    const answer = Promise.withResolvers<void>();
    await using machine = await Machine.start(async (request) => {
      await answer.promise;
      return serve(bytes)(request);
    });
    const first = machine.start(pull);
    await first.waitForStderr(/downloading/);
    const second = machine.start(pull);
    await second.waitForStderr(/waiting for process \d+ \(pulling generic-6\.12\)/);
    second.kill(signal);
    expect(textAt(documentOf(await second.done, exitCodes[signal]), "error.code")).toBe(
      codes[signal],
    );
    answer.resolve();
    expect(textAt(documentOf(await first.done), "results.0.outcome")).toBe("updated");
    expect(machine.server.requestsFor(file)).toHaveLength(1);
  });
}

test("row 28: a second signal ends the pull at once, without another word", async () => {
  await using machine = await Machine.start(silence(), serve(bytes));
  const run = machine.start(pull);
  await machine.server.waitForRequests(1);
  // Both are there when it goes on: the second does not wait for what the first has begun.
  for (const signal of ["SIGSTOP", ...signals, "SIGCONT"] as const) run.kill(signal);
  const { exitCode, stdout, stderr, signal } = await run.done;
  expect([signal, stdout]).toEqual([null, ""]);
  expect([129, 130, 143]).toContain(exitCode ?? 0);
  expect(stderr).toMatch(/^generic-6\.12: downloading [^\n]*\n$/);
  await machine.expectNextInstalls();
  recordFault({ row: 28, done: "two signals", exit: exitCode ?? 0, code: "-", store: "same" });
});

test("row 28: a pull that was started with nohup outlives its terminal", async () => {
  const answer = Promise.withResolvers<void>();
  await using machine = await Machine.start(async (request) => {
    await answer.promise;
    return serve(bytes)(request);
  });
  const run = machine.startWithNohup(pull);
  await run.waitForStderr(/downloading/);
  run.kill("SIGHUP");
  answer.resolve();
  expect(textAt(documentOf(await run.done), "results.0.outcome")).toBe("updated");
});
