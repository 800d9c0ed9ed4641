/** banger-maint outdated, against a kernel.org of our own behind a proxy. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { documentOf, requireExit } from "../support/answers.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { type ChildResult, runChild } from "../support/child.ts";
import { type Behaviour, HttpServer, serve, status } from "../support/http-server.ts";
import { ForwardProxy } from "../support/proxy.ts";
import { assertNoBugShown, Sandbox } from "../support/sandbox.ts";

const program = resolve(import.meta.dirname, "../../scripts/banger-maint");
const sha256 = "0".repeat(64);
let certificates: Certificates;
let server: HttpServer;
let proxy: ForwardProxy;
let sandbox: Sandbox;
let recipes = "";

beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.dispose());

beforeEach(async () => {
  server = await HttpServer.start({ tls: certificates.server });
  proxy = await ForwardProxy.start({ route: () => ({ host: "127.0.0.1", port: server.port }) });
  sandbox = new Sandbox();
  sandbox.setEnv("HTTPS_PROXY", proxy.url);
  sandbox.setEnv("SSL_CERT_FILE", certificates.caFile);
  sandbox.setEnv("BANGER_HTTP_RETRIES", "1");
  recipes = join(sandbox.folder, "recipes");
  mkdirSync(recipes);
  writeRecipe("6.12", ["x86_64", "arm64"]);
  writeRecipe("6.1", ["x86_64"]);
  writeCatalog({ "6.12": "6.12.117", "6.1": "6.1.150" });
  answer(releases("6.19.1", "6.12.118", "6.1.150"));
});
afterEach(async () => {
  await sandbox.dispose();
  await proxy.stop();
  await server.stop();
});

function writeRecipe(line: string, architectures: readonly string[], name = line): void {
  const configuration = {
    pins: [{ name: "a.config", url: "https://example.com/a.config", sha256 }],
    fragments: [],
  };
  const recipe = {
    version: 1,
    line,
    architectures: Object.fromEntries(architectures.map((arch) => [arch, configuration])),
    unavailable: {},
    required: [],
    forbidden: [],
    drift: {},
  };
  writeFileSync(join(recipes, `${name}.json`), JSON.stringify(recipe));
}

/** A catalog with a generic kernel for x86_64 of each line. */
function writeCatalog(versions: Readonly<Record<string, string>>): void {
  const entries = Object.entries(versions).map(([line, version]) => ({
    name: `generic-${line}`,
    distro: "generic",
    arch: "x86_64",
    kernel_version: version,
    tarball_url: `https://kernels.invalid/generic-${line}-x86_64-000000000000.tar.zst`,
    tarball_sha256: sha256,
    size_bytes: 1000,
    unpacked_bytes: 2048,
    description: "for tests",
  }));
  sandbox.writeCatalog(entries);
}

function releases(...versions: readonly string[]): Uint8Array<ArrayBuffer> {
  const folder = "https://cdn.kernel.org/pub/linux/kernel";
  const list = versions.map((version) => ({
    version,
    iseol: version.startsWith("6.1."),
    source: `${folder}/linux-${version}.tar.xz`,
    pgp: `${folder}/linux-${version}.tar.sign`,
  }));
  return new TextEncoder().encode(JSON.stringify({ releases: list }));
}

function answer(...answers: readonly (Uint8Array | Behaviour)[]): void {
  server.on(
    "/releases.json",
    ...answers.map((each) => (typeof each === "function" ? each : serve(each))),
  );
}

function outdated(...flags: readonly string[]): Promise<ChildResult> {
  const args = ["outdated", "--recipes", recipes, ...flags];
  return runChild({
    file: program,
    args,
    env: sandbox.environment,
    cwd: sandbox.work,
    check: (result) => assertNoBugShown(args, result),
  });
}

describe("banger-maint outdated", () => {
  test("names each line and architecture, and ends with 7 when there is something to build", async () => {
    expect(documentOf(await outdated("--json"), 7)).toEqual([
      { line: "6.1", arch: "x86_64", catalog_version: "6.1.150", newest_version: "6.1.150" },
      { line: "6.12", arch: "arm64", catalog_version: null, newest_version: "6.12.118" },
      { line: "6.12", arch: "x86_64", catalog_version: "6.12.117", newest_version: "6.12.118" },
    ]);
    expect(proxy.requests.map(({ target }) => target)).toEqual(["www.kernel.org:443"]);
    const { stdout, stderr } = requireExit(await outdated(), 7);
    expect(stdout.split("\n").map((line) => line.split(/ +/))).toEqual([
      ["LINE", "ARCH", "CATALOG", "NEWEST"],
      ["6.1", "x86_64", "6.1.150", "6.1.150"],
      ["6.12", "arm64", "none", "6.12.118"],
      ["6.12", "x86_64", "6.12.117", "6.12.118"],
      [""],
    ]);
    expect(stderr).toBe("6.1: kernel.org mends this line no more\n");
  });

  test("ends with 0 when the catalog has the newest of each", async () => {
    writeRecipe("6.12", ["x86_64"]);
    writeCatalog({ "6.12": "6.12.118", "6.1": "6.1.150" });
    requireExit(await outdated("--json"), 0);
  });

  test("does not go back when kernel.org's answer is older than the catalog", async () => {
    rmSync(join(recipes, "6.1.json"));
    writeRecipe("6.12", ["x86_64"]);
    writeCatalog({ "6.12": "6.12.119" });
    expect(documentOf(await outdated("--json"))).toEqual([
      { line: "6.12", arch: "x86_64", catalog_version: "6.12.119", newest_version: "6.12.119" },
    ]);
  });

  test("says in a note, and not as an error, that kernel.org has dropped a line", async () => {
    rmSync(join(recipes, "6.1.json"));
    answer(releases("6.19.1"));
    const result = await outdated("--json");
    expect(documentOf(result)).toEqual([]);
    expect(result.stderr).toStartWith("6.12: kernel.org does not list this line any more");
    const quiet = await outdated("--quiet");
    expect(quiet).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("tries again when the server is busy", async () => {
    answer(status(503, { "Retry-After": "0" }), serve(releases("6.12.118", "6.1.150")));
    requireExit(await outdated(), 7);
    expect(server.requestsFor("/releases.json")).toHaveLength(2);
  });

  test.each<[string, Uint8Array | Behaviour, number, string]>([
    ["is not there", status(404), 5, "https://www.kernel.org/releases.json answered 404"],
    ["is no JSON", new TextEncoder().encode('{"releases": ['), 5, "is not JSON"],
    ["is something else", new TextEncoder().encode("[]"), 5, "is not what kernel.org serves"],
    ["is endless", new Uint8Array(2 ** 20 + 1), 4, "more than the expected 1048576 bytes"],
  ])("refuses a list of releases that %s", async (_what, bytes, exitCode, fault) => {
    answer(bytes);
    const result = requireExit(await outdated("--json"), exitCode);
    expect(result.stderr).toContain(fault);
    expect(documentOf(result, exitCode)).toMatchObject({ error: {} });
  });

  test("refuses recipes that are none, before it asks anyone", async () => {
    writeRecipe("6.12", ["x86_64"], "6.13");
    const misnamed = requireExit(await outdated(), 1);
    expect(misnamed.stderr).toContain("it is of the line 6.12, expected the name 6.12.json");
    writeFileSync(join(recipes, "6.12.json"), "{}");
    expect(requireExit(await outdated(), 1).stderr).toContain("6.12.json: version: ");
    rmSync(recipes, { recursive: true });
    expect(requireExit(await outdated(), 3).stderr).toContain("there are no recipes in");
    expect(requireExit(await outdated("--recipes", ""), 2).stderr).toContain("--recipes is empty");
    expect(proxy.requests).toEqual([]);
  });
});
