/** `sums`, `push` of them, and what people do with them: Debian's minisign and sha256sum. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf, refusal, requireExit, textAt } from "../support/answers.ts";
import type { ChildResult } from "../support/child.ts";
import { Publishing, removeCertificates } from "../support/publishing.ts";
import { resultsOf } from "../support/pushed.ts";
import { type RunMaint, TrustKeys } from "../support/trust-keys.ts";

afterAll(removeCertificates);

let site: Publishing;
let secret: string;

beforeEach(async () => {
  site = await Publishing.start("s3");
  await site.importKernel({ version: "6.12.1" });
  requireExit(await site.publish("generic-6.12", "--no-upload"));
  secret = join(site.sandbox.folder, "minisign.key");
  tool("minisign", ["-G", "-W", "-s", secret, "-p", `${secret}.pub`], "/");
});
afterEach(() => site[Symbol.asyncDispose]());

const run: RunMaint = (args, env = {}) => site.maint(args, env);
const sums = (place: string, env: Readonly<Record<string, string>> = {}): Promise<ChildResult> =>
  run(["sums", "--json", "--key", place], env);
const push = async (exitCode = 0): Promise<unknown> =>
  documentOf(await site.maint(["push", "--json"]), exitCode);

function tool(
  program: string,
  args: readonly string[],
  cwd: string,
  input = "",
): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", input });
  return { status, text: `${stdout}${stderr}` };
}

describe("SHA256SUMS", () => {
  test("is what people check with minisign and sha256sum, after a push", async () => {
    requireExit(await site.maint(["sums", "--key", secret]));
    const objects = resultsOf(await push());
    expect(objects).toEqual(
      ["catalog.json", "SHA256SUMS", "SHA256SUMS.minisig"].map((key) => `uploaded ${key}`),
    );
    const home = join(site.sandbox.work, "somebody");
    mkdirSync(home);
    const tarball = site.keys().find((key) => key.endsWith(".tar.zst")) ?? "";
    for (const key of ["catalog.json", "SHA256SUMS", "SHA256SUMS.minisig", tarball]) {
      writeFileSync(join(home, key), site.object(key));
    }
    const publicKey =
      readFileSync(join(site.checkout, "catalog/minisign.pub"), "utf8").trim().split("\n").at(-1) ??
      "";
    const verify = (): { status: number | null; text: string } =>
      tool(
        "sh",
        [
          "-c",
          `minisign -Vm SHA256SUMS -P ${publicKey} && sha256sum -c --ignore-missing SHA256SUMS`,
        ],
        home,
      );
    const good = verify();
    expect(good.status).toBe(0);
    expect(good.text).toMatch(/Trusted comment: banger catalog 1 of \d{4}-/);
    expect(good.text).toContain(`${tarball}: OK`);
    expect(good.text).toContain("catalog.json: OK");
    writeFileSync(join(home, tarball), "damaged");
    expect(verify().status).toBe(1);
    writeFileSync(
      join(home, "SHA256SUMS"),
      readFileSync(join(home, "SHA256SUMS"), "utf8").replace(/^./, "z"),
    );
    expect(verify().text).toContain("Signature verification failed");
  });

  test("is signed with an encrypted key, or one in the environment, and always with the same one", async () => {
    const encrypted = join(site.sandbox.folder, "encrypted.key");
    tool(
      "minisign",
      ["-G", "-s", encrypted, "-p", `${encrypted}.pub`],
      "/",
      "open sesame\nopen sesame\n",
    );
    expect(existsSync(encrypted)).toBe(true);
    expect(refusal(await sums(encrypted))).toContain("is encrypted, and there is no passphrase");
    const wrong = { BANGER_KEY_PASSPHRASE: "open barley" };
    expect(refusal(await sums(encrypted, wrong))).toContain("Wrong password");
    const right = { BANGER_KEY_PASSPHRASE: "open sesame", M: readFileSync(encrypted, "utf8") };
    requireExit(await sums("env:M", right));
    expect(refusal(await sums(secret))).toStartWith("1 refused: the key is not the one of");
  }, 120_000);

  test("that is stale, unsigned or forged is not pushed, and holds back what is signed", async () => {
    const keys = TrustKeys.standard(join(site.sandbox.folder, "keys"));
    await keys.found(run);
    await keys.signCatalog(run);
    requireExit(await run(["trust", "renew"], keys.online));
    requireExit(await site.maint(["sums"]));
    expect(resultsOf(await push(4))).toEqual([
      "failed SHA256SUMS",
      "held-back metadata/timestamp.json",
    ]);
    requireExit(await site.maint(["sums", "--key", secret]));
    const signature = join(site.checkout, "catalog/SHA256SUMS.minisig");
    const good = readFileSync(signature, "utf8");
    writeFileSync(signature, good.replace("catalog 1", "catalog 9"));
    expect(resultsOf(await push(4))[0]).toBe("failed SHA256SUMS");
    writeFileSync(signature, good);
    writeFileSync(site.catalog, site.catalogText().replace(/"serial": 1\b/, '"serial": 2'));
    expect(textAt(await push(4), "error.message")).toContain("SHA256SUMS is of another catalog");
    expect(site.keys()).not.toContain("SHA256SUMS");
  });

  test("goes with a catalog that never goes back", async () => {
    requireExit(await site.maint(["sums", "--key", secret]));
    requireExit(await site.maint(["push"]));
    const newer = site.catalogText().replace(/"serial": \d+/, '"serial": 99');
    site.overwrite("catalog.json", newer);
    const document = await push(1);
    expect(resultsOf(document)).toEqual([
      "failed catalog.json",
      "held-back SHA256SUMS",
      "held-back SHA256SUMS.minisig",
    ]);
    expect(site.object("catalog.json").toString()).toBe(newer);
  });
});
