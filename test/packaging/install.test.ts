/** install.sh of a release that was put together here, from a real server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireExit } from "../support/answers.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { runChild } from "../support/child.ts";
import { Nginx } from "../support/nginx.ts";
import {
  ReleaseFolder,
  makeMinisignKey,
  minisign,
  ownExecutable,
  programFolder,
  runInstaller,
  type Shell,
} from "../support/release.ts";
import { bangerExecutable } from "../support/sandbox.ts";
import { snapshotOf } from "../support/snapshot.ts";

let releases: ReleaseFolder;
let certificates: Certificates;
let nginx: Nginx;
let release: string;
let publicKey: string;

beforeAll(async () => {
  releases = new ReleaseFolder();
  certificates = makeCertificates();
  nginx = await Nginx.start({ root: releases.folder, certificate: certificates.server });
  const secret = join(releases.folder, "minisign.key");
  publicKey = makeMinisignKey(secret);
  release = releases.make("release", {
    RELEASES: `${nginx.httpsUrl}/release`,
    RELEASE_KEY: `${secret}.pub`,
  });
  minisign("-S", "-s", secret, "-m", join(release, "SHA256SUMS"));
}, 120_000);
afterAll(async () => {
  await nginx.stop();
  certificates.dispose();
  releases[Symbol.dispose]();
});

const newHome = (): string => mkdtempSync(join(releases.folder, "home-"));

/** The files below a folder, without those for whom there are no folders to be listed. */
const filesIn = (home: string): string[] =>
  Object.entries(snapshotOf(home))
    .filter(([, what]) => !what.startsWith("folder"))
    .map(([path, what]) => `${path} ${what.replace(/ \d+ bytes.*/, "")}`);

describe("what a release installs", () => {
  test.each<[string, Shell]>([
    ["dash", ["dash"]],
    ["busybox sh", ["busybox", "sh"]],
  ])("is verified, and runs: by curl | %s", async (_, shell) => {
    const home = newHome();
    const address = `${nginx.httpsUrl}/release/install.sh`;
    const curl = await runChild({
      file: "curl",
      args: ["-fsS", "--cacert", certificates.caFile, address],
    });
    const script = requireExit(curl).stdout;
    const before = nginx.requests().length;
    const env = { CURL_CA_BUNDLE: certificates.caFile };
    const result = await runInstaller(script, { home, shell, env, args: ["--completions"] });
    const { stdout, stderr } = requireExit(result);
    expect(stdout).toBe("");
    expect(stderr).toContain(`SHA256SUMS is signed by ${publicKey}`);
    expect(stderr).toContain(`is not in your PATH`);
    expect(
      nginx
        .requests()
        .slice(before)
        .map(({ scheme, path, status }) => [scheme, path, status]),
    ).toEqual(
      ["SHA256SUMS", "SHA256SUMS.minisig", ownExecutable].map((file) => [
        "https",
        `/release/${file}`,
        200,
      ]),
    );
    expect(filesIn(home).filter((file) => !/zsh|fish/.test(file))).toEqual([
      ".local/bin/banger file 0755",
      ".local/share/bash-completion/completions/banger file 0644",
    ]);
    const installed = join(home, ".local/bin/banger");
    const run = (...args: readonly string[]) =>
      runChild({ file: installed, args, env: { PATH: "/usr/bin:/bin", HOME: home } });
    expect(requireExit(await run("--version")).stdout).toMatch(/^banger \d+\.\d+\.\d+ /);
    expect(requireExit(await run("kernel", "list", "--json")).stdout).toContain('"kernels": []');
    rmSync(home, { recursive: true });
  });

  test("takes the place of the one before, in a folder of one's choice, found in PATH", async () => {
    const home = newHome();
    const folder = join(home, "a folder", "bin");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "banger"), "the one before", { mode: 0o755 });
    const env = {
      BANGER_RELEASES: release,
      BANGER_INSTALL_DIR: folder,
      PATH: `${folder}:/usr/bin:/bin`,
    };
    const script = readFileSync(join(release, "install.sh"));
    const { stderr } = requireExit(await runInstaller(script, { home, env, shell: ["bash"] }));
    expect(stderr).not.toContain("PATH");
    expect(filesIn(home)).toEqual(["a folder/bin/banger file 0755"]);
    expect(readFileSync(join(folder, "banger")).equals(readFileSync(bangerExecutable()))).toBe(
      true,
    );
    rmSync(home, { recursive: true });
  });

  test("comes by wget where there is no curl, and without minisign it says what it does not look at", async () => {
    const home = newHome();
    const env = {
      PATH: programFolder(releases.folder, "wget"),
      BANGER_RELEASES: `${nginx.url}/release/`,
    };
    const script = readFileSync(join(release, "install.sh"));
    const { stderr } = requireExit(await runInstaller(script, { home, env }));
    expect(stderr).toContain("so the signature of SHA256SUMS is not looked at");
    expect(filesIn(home)).toEqual([".local/bin/banger file 0755"]);
    rmSync(home, { recursive: true });
  });
});
