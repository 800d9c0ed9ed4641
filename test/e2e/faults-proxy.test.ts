/** Row 19 of the table of faults: proxies, credentials, mirrors and certificates. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { textAt, valueAt } from "../support/answers.ts";
import { makeCertificates } from "../support/certificates.ts";
import { runChild } from "../support/child.ts";
import { recordFault } from "../support/fault-table.ts";
import { HttpServer, corruptBit, redirect, serve, status } from "../support/http-server.ts";
import { testUnless } from "../support/obstacles.ts";
import { ForwardProxy } from "../support/proxy.ts";
import { type ChildResult, Sandbox, bangerExecutable, smallKernel } from "../support/sandbox.ts";

const certificates = makeCertificates();
const template = new Sandbox();
const vmlinux = smallKernel({ version: "6.12.2" });
const newer = template.bundle({ version: "6.12.2", files: { vmlinux } });
const bytes = new Uint8Array(readFileSync(template.bundlePath(newer)));
const file = new URL(newer.tarball_url).pathname;
const pull = ["kernel", "pull", "generic-6.12", "--json", "--verbose"];
const storeOnly = { withoutLocksAndParts: true };
const secret = "s3cret-pw";
const me = `ann:${secret}@`;

let plain: HttpServer;
/** Says that it is 127.0.0.1, localhost and kernels.invalid. */
let secure: HttpServer;
let silent: HttpServer;
/** Leads to `secure` for kernels.invalid. */
let proxy: ForwardProxy;
/** Wants credentials. */
let asking: ForwardProxy;
let refusing: ForwardProxy;

beforeAll(async () => {
  plain = await HttpServer.start();
  secure = await HttpServer.start({ tls: certificates.server });
  silent = await HttpServer.start({ silentHandshake: true });
  for (const server of [plain, secure]) server.on(file, serve(bytes));
  plain.on(`/bad${file}`, corruptBit(bytes, 5000));
  plain.on(`/up${file}`, redirect(secure.url + file));
  plain.on(`/away${file}`, redirect(`https://${me}127.0.0.1:1/x?token=${secret}#${secret}`));
  plain.on(`/other${file}`, redirect(`http://localhost:${plain.port}/locked`));
  plain.on("/locked", status(401));
  const route = (host: string, port: number): { host: string; port: number } =>
    host === "kernels.invalid" ? { host: "127.0.0.1", port: secure.port } : { host, port };
  proxy = await ForwardProxy.start({ route });
  asking = await ForwardProxy.start({ route, credentials: { user: "ann", password: secret } });
  refusing = await ForwardProxy.start({ refuseAll: true });
  template.writeCatalog([template.bundle({ version: "6.12.1" })]);
  template.useMirrors();
  expect(await template.banger(pull)).toMatchObject({ exitCode: 0 });
});

afterAll(async () => {
  for (const each of [plain, secure, silent, proxy, asking, refusing]) await each.stop();
  await template.dispose();
  certificates.dispose();
});

/** Puts the addresses of the servers into a text: `http://<proxy>` is `http://127.0.0.1:PORT`. */
function fill(text: string): string {
  const servers = { plain, secure, silent, proxy, asking, refusing };
  return Object.entries(servers).reduce(
    (filled, [name, { port }]) => filled.replaceAll(`<${name}>`, `127.0.0.1:${port}`),
    text,
  );
}

type Variables = Readonly<Record<string, string | undefined>>;

/** A machine with 6.12.1 installed, whose catalog has 6.12.2 at an https URL. */
function machine(base: string, env: Variables = {}): Sandbox {
  const sandbox = new Sandbox();
  cpSync(template.state, sandbox.state, { recursive: true, verbatimSymlinks: true });
  sandbox.writeCatalog([{ ...newer, tarball_url: fill(base) + file }], { serial: 2 });
  const defaults = { SSL_CERT_FILE: certificates.caFile, BANGER_HTTP_RETRIES: "0" };
  for (const [name, value] of Object.entries({ ...defaults, ...env })) {
    sandbox.setEnv(name, value === undefined ? undefined : fill(value));
  }
  return sandbox;
}

function expectNoSecret({ stdout, stderr }: Pick<ChildResult, "stdout" | "stderr">): void {
  for (const form of [secret, btoa(`ann:${secret}`)]) expect(stdout + stderr).not.toContain(form);
}

/** Pulls with success: the very bytes of the new kernel are installed. Gives stderr. */
async function expectInstalled(sandbox: Sandbox, done: string): Promise<string> {
  const run = await sandbox.banger(pull);
  expect(run).toMatchObject({ exitCode: 0 });
  const installed = readFileSync(join(sandbox.state, "kernels/generic-6.12/vmlinux"));
  expect(installed.equals(vmlinux)).toBe(true);
  expectNoSecret(run);
  recordFault({ row: 19, done, exit: 0, code: "-", store: "as wanted" });
  return run.stderr;
}

/** Pulls in vain. The wanted text is `code: message`, the code unabridged. Gives the hint. */
async function expectFailure(
  sandbox: Sandbox,
  done: string,
  exitCode: number,
  wanted: RegExp,
): Promise<string> {
  const before = sandbox.snapshot(storeOnly);
  const run = await sandbox.banger(pull);
  const document: unknown = JSON.parse(run.stdout);
  const [code, message] = [textAt(document, "error.code"), textAt(document, "error.message")];
  expect(`${code}: ${message.replace("cannot pull generic-6.12: ", "")}`).toMatch(wanted);
  expect(run.stderr).toContain(`banger: error: ${message}\n`);
  expect(run.exitCode).toBe(exitCode);
  expect(sandbox.snapshot(storeOnly)).toEqual(before);
  expectNoSecret(run);
  recordFault({ row: 19, done, exit: exitCode, code, store: "same" });
  return String(valueAt(document, "error.hint"));
}

const invalid = "https://kernels.invalid";
/** What is said depends on whether there is a name server. */
const noSuchHost = /^network: https:\S+: the(re is no such host| name could not be looked up)$/;
const loopback = "https://<secure>";

test.each([
  ["HTTPS_PROXY", { HTTPS_PROXY: "http://<proxy>" }],
  ["https_proxy before HTTPS_PROXY", { https_proxy: "http://<proxy>", HTTPS_PROXY: "http://x" }],
  ["ALL_PROXY", { ALL_PROXY: "http://<proxy>" }],
  ["HTTPS_PROXY without its scheme", { HTTPS_PROXY: "<proxy>" }],
  ["HTTPS_PROXY with credentials", { HTTPS_PROXY: `http://${me}<asking>` }],
])("row 19: %s is honoured", async (what, env) => {
  await using sandbox = machine(invalid, env);
  const before = proxy.requests.length + asking.requests.length;
  await expectInstalled(sandbox, what);
  expect(proxy.requests.length + asking.requests.length).toBe(before + 1);
  expect(Object.keys(secure.requests.at(-1)?.headers ?? {})).not.toContain("proxy-authorization");
});

test("row 19: HTTP_PROXY is honoured, for http mirrors only", async () => {
  const env = { HTTP_PROXY: "http://<proxy>" };
  await using sandbox = machine(invalid, { ...env, BANGER_MIRRORS: "http://<plain>" });
  await expectInstalled(sandbox, "HTTP_PROXY");
  expect(proxy.requests.at(-1)).toMatchObject({ method: "GET", target: plain.url + file });
  await using other = machine(invalid, env);
  await expectFailure(other, "HTTP_PROXY for https", 5, noSuchHost);
});

test.each([
  ["of the address", { HTTPS_PROXY: "http://<refusing>", NO_PROXY: "127.0.0.1" }],
  ["in lower case", { HTTPS_PROXY: "http://<refusing>", no_proxy: "x.test,127.0.0.1" }],
  ["of all", { https_proxy: "http://<refusing>", NO_PROXY: "*" }],
  ["of all, when the proxy is bad", { HTTPS_PROXY: "socks5://x", NO_PROXY: "*" }],
])("row 19: NO_PROXY %s is honoured", async (what, env) => {
  await using sandbox = machine(loopback, env);
  await expectInstalled(sandbox, `NO_PROXY ${what}`);
});

test("row 19: NO_PROXY of another host is not for this one, that of its domain is", async () => {
  const env = { HTTPS_PROXY: "http://<proxy>" };
  await using sandbox = machine(invalid, { ...env, NO_PROXY: "kernels.test" });
  await expectInstalled(sandbox, "NO_PROXY of another host");
  await using other = machine(invalid, { ...env, NO_PROXY: ".invalid" });
  await expectFailure(other, "NO_PROXY of the domain", 5, noSuchHost);
});

const unusable = /^network: .*HTTPS_PROXY cannot be used: (\w+:\/\/)?\*\*\*@(127\.0\.0\.1:1|\[x)$/;
test.each([
  ["down", `http://${me}127.0.0.1:1`, /proxy http:\/\/\*\*\*@127\.0\.0\.1:1\): .* was refused$/],
  ["unknown", `http://${me}proxy.invalid:1`, /proxy http:\/\/\*\*\*@proxy\.invalid:1\): the/],
  ["refusing", "http://<refusing>", /through the proxy http:\/\/127\.0\.0\.1:\d+\): .*403/],
  ["asking", "http://ann:wrong@<asking>", /proxy http:\/\/\*\*\*@127\.0\.0\.1:\d+\): .*407/],
  ["silent", `http://${me}<silent>`, /^timeout: .*no answer within 0\.4 s$/],
  ["of another kind", `socks5://${me}127.0.0.1:1`, unusable],
  ["no URL", `http://${me}[x`, unusable],
  ["no URL, nor with a scheme", `${me}[x`, unusable],
  ["down and without a scheme", `${me}127.0.0.1:1`, /proxy .*\*\*\*@/],
])("row 19: a proxy that is %s is named, without its credentials", async (what, url, wanted) => {
  await using sandbox = machine(invalid, { HTTPS_PROXY: url, BANGER_HTTP_TIMEOUT: "0.4" });
  const hint = await expectFailure(sandbox, `proxy ${what}`, 5, wanted);
  if (wanted === unusable) expect(hint).toContain("http:// and https:// proxies; NO_PROXY names");
  expectNoSecret(await sandbox.banger(["doctor"]));
});

test("row 19: a mirror gets its credentials, and nobody else does", async () => {
  await using sandbox = machine(invalid, { BANGER_MIRRORS: `http://${me}<plain>` });
  expect(await expectInstalled(sandbox, "mirror with credentials")).toContain("http://***@127");
  const authorization = `Basic ${btoa(`ann:${secret}`)}`;
  expect(plain.requests.at(-1)?.headers).toMatchObject({ authorization });
  await using other = machine(invalid, { BANGER_MIRRORS: `http://${me}<plain>/other` });
  await expectFailure(other, "mirror that leads elsewhere", 5, /^network: /);
  expect(plain.requests.at(-1)?.path).toBe("/locked");
  expect(Object.keys(plain.requests.at(-1)?.headers ?? {})).not.toContain("authorization");
});

test.each([
  ["is down", `http://${me}127.0.0.1:1`, /\*\*\*@127\.0\.0\.1:1\/\S+ is no help: .* refused$/m],
  ["lacks the file", `http://${me}<plain>/no`, /\*\*\*@\S+\/no\/\S+ is no help: .*answered 404$/m],
  [
    "has bad bytes",
    `http://${me}<plain>/bad`,
    /\*\*\*@\S+\/bad\/\S+ is no help: sha256 is \w+, ex/,
  ],
  [
    "leads to secrets",
    "http://<plain>/away",
    /\/away\/\S+ is no help: .*127\.0\.0\.1:1\/x.*refused/,
  ],
  ["is a missing folder", "/nowhere", /\/nowhere\/\S+ is no help: cannot read .*no such file/],
])("row 19: a mirror that %s is named, and the next one is used", async (what, mirror, warning) => {
  await using sandbox = machine(loopback, { BANGER_MIRRORS: `${mirror},http://<plain>` });
  expect(await expectInstalled(sandbox, `a mirror that ${what}`)).toMatch(warning);
  expect(plain.requests.at(-1)?.path).toBe(file);
  await using last = machine(loopback, { BANGER_MIRRORS: mirror });
  expect(await expectInstalled(last, `the only mirror ${what}`)).toMatch(warning);
  expect(secure.requests.at(-1)?.path).toBe(file);
});

test("row 19: bad bytes of a mirror beat the failure of the network after it", async () => {
  const env = { BANGER_MIRRORS: `http://${me}<plain>/bad` };
  await using sandbox = machine("https://127.0.0.1:1", env);
  const wanted = /^verification-failed: http:\/\/\*\*\*@\S+\/bad\/\S+: sha256 is \w+, expected/;
  const hint = await expectFailure(sandbox, "bad mirror, URL down", 4, wanted);
  expect(hint).toContain("another mirror");
});

test.each([`ftp://${me}h/x`, `http://ann:s/${secret}@h/x`, `file://${me}h/x`, "file:///%ff"])(
  "row 19: %s is no mirror",
  async (mirror) => {
    await using sandbox = machine(loopback, { BANGER_MIRRORS: mirror });
    const wanted = /^usage: BANGER_MIRRORS: \S+ is not a mirror$/;
    const hint = await expectFailure(sandbox, mirror.replace(secret, "…"), 2, wanted);
    expect(hint).toContain("a mirror is a folder, or a file://, http:// or https:// URL");
  },
);

test.each([
  ["expired", "expired", {}, /^network: .*certificate .*EXPIRED/],
  ["of another host", "wrongHost", {}, /^network: .*certificate .*ALTNAME/],
  ["of another host, through a proxy", "wrongHost", { HTTPS_PROXY: "http://<proxy>" }, /ALTNAME/],
  ["signed by itself", "selfSigned", {}, /^network: .*certificate .*SELF_SIGNED/],
  [
    "of a CA that nobody trusts",
    "server",
    { SSL_CERT_FILE: undefined },
    /^network: .*certificate /,
  ],
  ["bad, also if Node trusts all", "selfSigned", { NODE_TLS_REJECT_UNAUTHORIZED: "0" }, /certific/],
] as const)("row 19: a certificate that is %s is refused", async (what, kind, env, wanted) => {
  await using server = await HttpServer.start({ tls: certificates[kind] });
  await using sandbox = machine(server.url, { ...env, BANGER_HTTP_RETRIES: "2" });
  const hint = await expectFailure(sandbox, `certificate ${what}`, 5, wanted);
  expect(hint).toContain("SSL_CERT_FILE=/path/to/ca.pem");
  expect(server).toMatchObject({ connections: 1, requests: [] });
});

test("row 19: authorities are those of SSL_CERT_FILE and SSL_CERT_DIR", async () => {
  await using one = machine(loopback);
  await expectInstalled(one, "SSL_CERT_FILE");
  const env = { SSL_CERT_FILE: undefined, SSL_CERT_DIR: certificates.folder };
  await using two = machine(loopback, env);
  await expectInstalled(two, "SSL_CERT_DIR");
  await using three = machine(loopback, { BANGER_MIRRORS: "http://<plain>/up" });
  await expectInstalled(three, "http that leads to https");
  await using four = machine(loopback, { SSL_CERT_FILE: "/etc/passwd" });
  await expectFailure(four, "SSL_CERT_FILE without PEM", 2, /^usage: SSL_CERT_FILE .* no PEM cert/);
  await using five = machine(loopback, { SSL_CERT_FILE: "/nowhere.pem" });
  await expectFailure(
    five,
    "no SSL_CERT_FILE",
    1,
    /^io: .*SSL_CERT_FILE \/nowhere\.pem: no such f/,
  );
});

const systemBundle = "/etc/ssl/certs/ca-certificates.crt";
const overlaid = `mount --bind "$1" ${systemBundle} && shift && exec "$@"`;
const obstacle =
  spawnSync("unshare", ["-m", "true"]).status === 0 ? undefined : "unshare -m is not allowed here";

async function trustTheSystem(): Promise<void> {
  await using sandbox = machine(loopback, { SSL_CERT_FILE: undefined });
  const run = await runChild({
    file: "/usr/bin/unshare",
    args: ["-m", "sh", "-c", overlaid, "sh", certificates.caFile, bangerExecutable(), ...pull],
    env: sandbox.environment,
  });
  expect(run).toMatchObject({ exitCode: 0 });
  recordFault({ row: 19, done: "the system's CAs", exit: 0, code: "-", store: "as wanted" });
}

testUnless(
  obstacle,
  "row 19: without them the system's authorities are trusted",
  trustTheSystem,
  30_000,
);
