/** What install.sh refuses, and that nothing is left of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import type { ChildResult } from "../support/child.ts";
import { HttpServer, serve, stallAfter, status, truncateAfter } from "../support/http-server.ts";
import { until } from "../support/processes.ts";
import {
  ReleaseFolder,
  makeMinisignKey,
  minisign,
  ownExecutable,
  programFolder,
  runInstaller,
  startInstaller,
} from "../support/release.ts";
import { snapshotOf } from "../support/snapshot.ts";

let releases: ReleaseFolder;
let release: string;
let script: string;
let publicKey: string;
let server: HttpServer;

beforeAll(async () => {
  releases = new ReleaseFolder();
  release = releases.make("release");
  script = readFileSync(join(release, "install.sh"), "utf8");
  publicKey = makeMinisignKey(key("ours"));
  makeMinisignKey(key("another"));
  server = await HttpServer.start();
}, 120_000);
afterAll(async () => {
  await server.stop();
  releases[Symbol.dispose]();
});

const key = (name: string): string => join(releases.folder, `${name}.key`);

/** A folder with a release of one small executable; its sums are right unless told. */
function smallRelease(executable: string | Uint8Array, sums?: (right: string) => string): string {
  const folder = mkdtempSync(join(releases.folder, "small-"));
  writeFileSync(join(folder, ownExecutable), executable);
  const hash = createHash("sha256").update(executable).digest("hex");
  const right = `${hash}  ${ownExecutable}\n${hash}  ${ownExecutable}.cdx.json\n`;
  writeFileSync(join(folder, "SHA256SUMS"), sums?.(right) ?? right);
  return folder;
}

/** Runs it in a home with the banger of before, and looks that all of it is as it was. */
async function refused(
  env: Readonly<Record<string, string>>,
  options: {
    readonly args?: readonly string[];
    readonly script?: string;
    readonly owner?: number;
  } = {},
): Promise<string> {
  const home = mkdtempSync(join(releases.folder, "home-"));
  try {
    mkdirSync(join(home, ".local/bin"), { recursive: true });
    writeFileSync(join(home, ".local/bin/banger"), "the one before", { mode: 0o755 });
    if (options.owner !== undefined) chownSync(home, options.owner, options.owner);
    const before = snapshotOf(home);
    const { args = [] } = options;
    const result = await runInstaller(options.script ?? script, { home, env, args });
    expect(snapshotOf(home)).toEqual(before);
    return verdict(result);
  } finally {
    rmSync(home, { recursive: true });
  }
}

/** `EXITCODE MESSAGE`, without what differs from run to run. */
function verdict({ exitCode, stdout, stderr }: ChildResult): string {
  expect(stdout).toBe("");
  const message = /^install\.sh: error: (?<message>.*)$/m.exec(stderr)?.groups?.["message"];
  const short = message
    ?.replaceAll(releases.folder, "R")
    .replaceAll(server.url, "S")
    .replaceAll(/(?:small|home|bin)-\w+/g, "X")
    .replaceAll(/[0-9a-f]{64}/g, "HASH")
    .replaceAll(ownExecutable, "E");
  return `${exitCode} ${short ?? stderr}`;
}

const intoFolder = (folder: string): Promise<string> =>
  refused({ BANGER_RELEASES: release, BANGER_INSTALL_DIR: folder });

const works = "#!/bin/sh\necho banger 9.9.9\n";

describe("install.sh refuses, and leaves everything as it was:", () => {
  test.each<[string, (right: string) => string, string]>([
    [
      "a wrong hash",
      (right) => right.replaceAll(/^./gm, (digit) => (digit === "0" ? "1" : "0")),
      "4 SHA-256 of E is HASH, expected HASH",
    ],
    [
      "sums without the executable",
      (right) => right.replace(/^.*\n/, ""),
      "4 SHA256SUMS does not name one hash of E",
    ],
    [
      "sums with it twice",
      (right) => `${right}${right.replace(/^./, "x")}`,
      "4 SHA256SUMS does not name one hash of E",
    ],
    [
      "sums in capitals",
      (right) => right.replace(/^\w+/, (hash) => `A${hash.slice(1)}`),
      "4 SHA256SUMS does not name one hash of E",
    ],
    ["a part of a hash", (right) => right.slice(1), "4 SHA-256 of E is HASH, expected "],
    ["sums that are empty", () => "", "4 SHA256SUMS does not name one hash of E"],
  ])("%s", async (_, sums, said) => {
    const BANGER_RELEASES = smallRelease(works, sums);
    expect(await refused({ BANGER_RELEASES })).toStartWith(said);
  });

  test("an executable that does not run here, or is of another version than the script", async () => {
    const garbage = smallRelease(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 1, 2, 3]));
    expect(await refused({ BANGER_RELEASES: garbage })).toStartWith(
      "1 the executable does not run on this machine: ",
    );
    const version = /^built_in_version=(.*)$/m.exec(script)?.[1] ?? "";
    expect(await refused({ BANGER_RELEASES: smallRelease(works) })).toBe(
      `4 the release has banger 9.9.9, and this script is of ${version}`,
    );
  });

  test("a signature that is missing, of another key, of other sums, or that nothing can verify", async () => {
    const folder = smallRelease(works);
    const sums = join(folder, "SHA256SUMS");
    const env = { BANGER_RELEASES: folder, BANGER_MINISIGN_KEY: publicKey };
    expect(await refused(env)).toBe("3 there is no R/X/SHA256SUMS.minisig");
    minisign("-S", "-s", key("another"), "-m", sums);
    expect(await refused(env)).toBe(`4 SHA256SUMS is not signed by ${publicKey}`);
    writeFileSync(join(folder, "others"), "other sums\n");
    minisign("-S", "-s", key("ours"), "-m", join(folder, "others"), "-x", `${sums}.minisig`);
    expect(await refused(env)).toBe(`4 SHA256SUMS is not signed by ${publicKey}`);
    expect(await refused({ ...env, PATH: programFolder(releases.folder, "curl") })).toBe(
      "1 there is a BANGER_MINISIGN_KEY, and no minisign to verify by it",
    );
    minisign("-S", "-s", key("ours"), "-m", sums);
    expect(await refused(env)).toStartWith("4 the release has banger 9.9.9");
  });

  test("a server that has not got it, cuts it off, fails, or is not there", async () => {
    const bytes = readFileSync(join(release, ownExecutable)).subarray(0, 300_000);
    const folder = smallRelease(bytes);
    const sums = serve(readFileSync(join(folder, "SHA256SUMS")));
    server.on("/gone/SHA256SUMS", sums);
    server.on("/cut/SHA256SUMS", sums).on(`/cut/${ownExecutable}`, truncateAfter(100_000, bytes));
    server.on("/failing/SHA256SUMS", status(500, { "Retry-After": "0" }));
    const from = (path: string): Promise<string> =>
      refused({ BANGER_RELEASES: `${server.url}${path}` });
    expect(await from("/nothing")).toBe("3 there is no S/nothing/SHA256SUMS");
    expect(await from("/gone")).toBe("3 there is no S/gone/E");
    expect(await from("/cut")).toBe("5 cannot download S/cut/E");
    expect(await from("/failing")).toBe("5 cannot download S/failing/SHA256SUMS");
    expect(await refused({ BANGER_RELEASES: "http://127.0.0.1:1" })).toBe(
      "5 cannot download http://127.0.0.1:1/SHA256SUMS",
    );
    const PATH = programFolder(releases.folder, "wget");
    const byWget = (path: string): Promise<string> =>
      refused({ BANGER_RELEASES: `${server.url}${path}`, PATH });
    expect(await byWget("/gone")).toBe("3 the server does not give S/gone/E");
  });

  test("what would come unprotected", async () => {
    const plain = "http://kernels.invalid/banger";
    expect(await refused({ BANGER_RELEASES: plain })).toBe(
      `1 the files of ${plain} would come unprotected: by http anybody on the way can change them`,
    );
    const PATH = programFolder(releases.folder);
    symlinkSync("/bin/busybox", join(PATH, "wget"));
    expect(await refused({ BANGER_RELEASES: "https://127.0.0.1:1", PATH })).toBe(
      "1 the files of https://127.0.0.1:1 would come unprotected: this wget looks at no certificates",
    );
    expect(await refused({ BANGER_RELEASES: "https://a:b@127.0.0.1" })).toBe(
      "2 the address of the releases has a name or password in it",
    );
  });

  test("a folder that cannot be written to, or is none", async () => {
    expect(await intoFolder("/proc/banger")).toBe("1 cannot write to /proc");
    expect(await intoFolder("/dev/null/bin")).toBe("1 /dev/null is not a folder");
    expect(await intoFolder("bin")).toBe(
      '2 BANGER_INSTALL_DIR is "bin", expected an absolute path',
    );
    const folder = mkdtempSync(join(releases.folder, "bin-"));
    mkdirSync(join(folder, "banger"));
    expect(await intoFolder(folder)).toBe("1 R/X/banger is a folder");
    expect(snapshotOf(folder)).toEqual({ banger: "folder 0755" });
  });

  test("sudo with the user's home, but not into a folder for all", async () => {
    const env = { BANGER_RELEASES: release, SUDO_UID: "1234" };
    expect(await refused(env, { owner: 1234 })).toStartWith(
      "1 this is root by sudo, and HOME is R/X",
    );
    expect(await refused({ ...env, BANGER_INSTALL_DIR: "/proc/x" }, { owner: 1234 })).toBe(
      "1 cannot write to /proc",
    );
  });

  test("another kind of machine, and a command line or release that is none", async () => {
    const folder = programFolder(releases.folder);
    rmSync(join(folder, "uname"));
    writeFileSync(
      join(folder, "uname"),
      '#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo riscv64\n',
    );
    chmodSync(join(folder, "uname"), 0o755);
    expect(await refused({ BANGER_RELEASES: release, PATH: `${folder}:/usr/bin:/bin` })).toBe(
      "1 there is no banger for riscv64, only for x86_64 and aarch64",
    );
    expect(await refused({ BANGER_RELEASES: release }, { args: ["--now"] })).toBe(
      '2 "--now" is not known',
    );
    expect(await refused({ BANGER_RELEASES: "releases" })).toStartWith(
      '2 BANGER_RELEASES is "releases"',
    );
    expect(await refused({})).toBe("2 this script is of no release");
  });
});

test("install.sh that was itself cut off does nothing, wherever it was cut", async () => {
  const home = mkdtempSync(join(releases.folder, "home-"));
  const env = { BANGER_RELEASES: release };
  const ends = [...script.matchAll(/\n/g)]
    .map(({ index }) => index)
    .filter((_, at) => at % 3 === 0);
  for (const end of [...ends, script.lastIndexOf("main")]) {
    await runInstaller(script.slice(0, end), { home, env });
  }
  expect(ends.length).toBeGreaterThan(50);
  expect(snapshotOf(home)).toEqual({});
});

test("a SIGTERM in the middle of the download leaves nothing", async () => {
  const home = mkdtempSync(join(releases.folder, "home-"));
  const bytes = new Uint8Array(300_000);
  const sums = serve(readFileSync(join(smallRelease(bytes), "SHA256SUMS")));
  server.on("/slow/SHA256SUMS", sums).on(`/slow/${ownExecutable}`, stallAfter(100_000, bytes));
  const env = { BANGER_RELEASES: `${server.url}/slow` };
  const child = startInstaller(script, { home, env });
  await until("a staging folder with a part of it", () =>
    Object.keys(snapshotOf(home)).find((path) => path.endsWith(ownExecutable)),
  );
  child.killGroup("SIGTERM");
  expect((await child.done).exitCode).toBe(143);
  expect(snapshotOf(home)).toEqual({});
});
