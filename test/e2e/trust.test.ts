/** `banger-maint trust`: who makes a root, who signs it, and what is refused. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { documentOf, refusal, requireExit, valueAt } from "../support/answers.ts";
import type { ChildResult } from "../support/sandbox.ts";
import { TrustWorld } from "../support/trust-world.ts";

let world: TrustWorld;

beforeEach(() => {
  world = new TrustWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe("a root", () => {
  test("counts when two of three have signed it, each alone, and is then what builds embed", async () => {
    const proposed = documentOf(await world.init(...world.keys.initFlags));
    expect(proposed).toMatchObject({ file: "metadata/1.root.json", version: 1 });
    expect(await world.status(7)).toMatchObject({
      ready: false,
      problems: ["the root lacks 2 signatures"],
    });
    expect(documentOf(await world.sign("r1"))).toMatchObject({
      signed: [{ role: "root", outcome: "signed", complete: false, missing: 1 }],
    });
    expect(existsSync(join(world.trust, "root.json"))).toBe(false);
    const once = world.bytes();
    expect(documentOf(await world.sign("r1"))).toMatchObject({
      signed: [{ outcome: "already", missing: 1 }],
    });
    expect(world.bytes()).toEqual(once);
    await world.expectRefused(world.signCatalog("t1"), "1 failed: metadata/1.root.json");
    expect(documentOf(await world.sign("r3"))).toMatchObject({
      signed: [{ outcome: "signed", missing: 0 }],
    });
    expect(readFileSync(join(world.trust, "root.json"))).toEqual(
      readFileSync(join(world.trust, "metadata/1.root.json")),
    );
    requireExit(
      await world.sandbox.startMaint(["trust", "check-root", join(world.trust, "root.json")]).done,
    );
    await world.expectRefused(world.sign("r2"), "1 failed: nothing in");
  });

  test("is not made twice, nor of keys that are no public keys, or have two roles, or are too few", async () => {
    const with3 = (file: string): string[] =>
      world.keys.initFlags.map((word) => (word === world.keys.publicFile("r3") ? file : word));
    expect(refusal(await world.init(...with3(world.keys.file("r3"))))).toContain(
      "is a private key",
    );
    expect(refusal(await world.init(...with3(world.catalog)))).toContain("is no public key in PEM");
    expect(refusal(await world.init(...with3(world.keys.publicFile("r1"))))).toContain(
      "for root twice",
    );
    expect(refusal(await world.init(...with3(world.keys.publicFile("t1"))))).toContain(
      "for root and targets",
    );
    expect(refusal(await world.init(...world.keys.initFlags, "--root-threshold", "4"))).toStartWith(
      "2 usage: root has 3 keys",
    );
    expect(
      refusal(await world.init(...world.keys.initFlags, "--targets-threshold", "0")),
    ).toStartWith("2 usage");
    const rsa = join(world.sandbox.folder, "rsa.pem");
    spawnSync("openssl", ["genpkey", "-algorithm", "rsa", "-out", `${rsa}.key`]);
    spawnSync("openssl", ["pkey", "-in", `${rsa}.key`, "-pubout", "-out", rsa]);
    expect(refusal(await world.init(...with3(rsa)))).toContain(
      "is a key of type rsa, ed25519 is wanted",
    );
    expect(existsSync(world.trust)).toBe(false);
    requireExit(await world.init(...world.keys.initFlags));
    await world.expectRefused(world.init(...world.keys.initFlags), "1 refused: ");
  });

  test("is followed by one that old and new holders have signed", async () => {
    await world.keys.found(world.run);
    world.keys.make("r4");
    const gone = await world.keyId("r1");
    const words = ["--add", world.keys.publicFile("r4"), "--remove", gone.slice(0, 12)];
    const proposed = documentOf(await world.run(["trust", "rotate", "root", ...words, "--json"]));
    expect(valueAt(proposed, "changes")).toEqual([
      `- root key ${gone}`,
      `+ root key ${await world.keyId("r4")}`,
    ]);
    expect(documentOf(await world.sign("r4"))).toMatchObject({ signed: [{ missing: 2 }] });
    expect(documentOf(await world.sign("r1"))).toMatchObject({ signed: [{ missing: 1 }] });
    expect(
      valueAt(JSON.parse(readFileSync(join(world.trust, "root.json"), "utf8")), "signed.version"),
    ).toBe(1);
    await world.expectRefused(
      world.run(["trust", "rotate", "root", "--json"]),
      "1 refused: metadata/2.root.json",
    );
    expect(documentOf(await world.sign("r2"))).toMatchObject({ signed: [{ complete: true }] });
    expect(
      valueAt(JSON.parse(readFileSync(join(world.trust, "root.json"), "utf8")), "signed.version"),
    ).toBe(2);
    const renewed = documentOf(
      await world.run(["trust", "rotate", "root", "--days", "400", "--json"]),
    );
    expect(renewed).toMatchObject({ version: 3, changes: [] });
    await world.expectRefused(world.sign("r1"), "1 refused: the key");
  });

  test("that was tampered with is no root, nor is the chain behind it", async () => {
    await world.keys.found(world.run);
    const file = join(world.trust, "metadata/1.root.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace('"threshold": 2', '"threshold": 1'));
    expect(await world.status(7)).toMatchObject({
      problems: [expect.stringContaining("signature")],
    });
    writeFileSync(file, text);
    writeFileSync(join(world.trust, "root.json"), `${text} `);
    expect(await world.status(7)).toMatchObject({
      problems: [expect.stringContaining("not the newest root"), expect.anything()],
    });
    cpSync(file, join(world.trust, "metadata/2.root.json"));
    expect(refusal(await world.run(["trust", "status", "--json"]))).toStartWith(
      "4 verification-failed",
    );
  });
});

describe("a key", () => {
  test("may be encrypted, or in the environment, as openssl writes it", async () => {
    requireExit(await world.run(["trust", "init", ...world.keys.initFlags]));
    const encrypted = join(world.sandbox.folder, "encrypted.key");
    const words = ["pkcs8", "-topk8", "-in", world.keys.file("r1"), "-passout", "pass:open sesame"];
    spawnSync("openssl", [...words, "-out", encrypted]);
    const signing = (place: string, env: Readonly<Record<string, string>>): Promise<ChildResult> =>
      world.run(["trust", "sign", "--json", "--key", place], env);
    await world.expectRefused(signing(encrypted, {}), `1 failed: ${encrypted} is encrypted`);
    const wrong = { BANGER_KEY_PASSPHRASE: "open barley" };
    await world.expectRefused(
      signing(encrypted, wrong),
      `1 failed: ${encrypted} cannot be decrypted`,
    );
    const right = { BANGER_KEY_PASSPHRASE: "open sesame" };
    expect(documentOf(await signing(encrypted, right))).toMatchObject({ signed: [{ missing: 1 }] });
    const env = { MY_KEY: readFileSync(world.keys.file("r2"), "utf8") };
    await world.expectRefused(
      signing("env:OTHER", env),
      "1 failed: there is no key in the environment",
    );
    const result = await signing("env:MY_KEY", env);
    expect(documentOf(result)).toMatchObject({ signed: [{ complete: true }] });
    const secret = readFileSync(world.keys.file("r2"), "utf8").split("\n")[1] ?? "";
    expect(`${result.stdout}${result.stderr}${world.bytes().join("")}`).not.toContain(secret);
  });

  test("is refused in the checkout, where it could be committed", async () => {
    requireExit(await world.run(["trust", "init", ...world.keys.initFlags]));
    const inside = resolve(import.meta.dirname, "../../build/test-only.key");
    cpSync(world.keys.file("r1"), inside);
    try {
      await world.expectRefused(
        world.run(["trust", "sign", "--key", inside, "--json"]),
        `1 refused: ${inside} lies in the checkout`,
      );
    } finally {
      rmSync(inside);
    }
  });

  test("that may sign nothing of it is refused", async () => {
    await world.keys.found(world.run);
    world.keys.make("nobody");
    await world.expectRefused(world.sign("nobody"), "1 refused: the key");
    await world.expectRefused(world.signCatalog("r1"), "1 refused: the key");
    await world.expectRefused(world.signCatalog("nobody"), "1 refused: the key");
    await world.keys.signCatalog(world.run);
    const swapped = {
      BANGER_SNAPSHOT_KEY: world.keys.online["BANGER_TIMESTAMP_KEY"] ?? "",
      BANGER_TIMESTAMP_KEY: world.keys.online["BANGER_SNAPSHOT_KEY"] ?? "",
    };
    await world.expectRefused(
      world.run(["trust", "renew", "--local", "--json"], swapped),
      "1 refused: the key",
    );
  });
});
