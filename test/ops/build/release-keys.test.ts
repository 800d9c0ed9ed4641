import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkReleaseKeys } from "../../../src/ops/build/check-keys.ts";
import { loadReleaseKeys } from "../../../src/ops/build/release-keys.ts";
import { outcomeOf, testContext } from "../../support/context.ts";
import { Gpg } from "../../support/gpg.ts";
import { writeKeyFolder } from "../../support/key-folder.ts";

const repository = join(import.meta.dirname, "../../..");
const year2020 = "20200101T000000";
let gpg: Gpg;
let folder = "";
const fingerprints = new Map<string, string>();

beforeAll(() => {
  gpg = new Gpg();
  const make = (name: string, options?: Parameters<Gpg["makeKey"]>[1]): void => {
    fingerprints.set(name, gpg.makeKey(name, options));
  };
  for (const name of ["one", "two", "three", "extra", "revoked"]) make(name);
  make("expired", { at: year2020, expires: "1y" });
  make("oldsubkey", { at: year2020, expires: "never", subkey: { expires: "1y" } });
  make("soon", { expires: "10d" });
  make("later", { expires: "100d" });
  gpg.revoke("revoked");
});

afterAll(() => {
  gpg[Symbol.dispose]();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "banger-keys-"));
  use("one", "two", "three");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function use(...names: readonly string[]): void {
  const keys = names.map((name) => ({ name, fingerprint: fingerprints.get(name) ?? "" }));
  writeKeyFolder(folder, gpg, keys);
}

/** All that the check finds, or the error. */
async function problems(): Promise<readonly string[] | string> {
  let found: readonly string[] = [];
  const outcome = await outcomeOf(async () => {
    const report = await checkReleaseKeys(testContext(), folder);
    found = [
      ...report.keys.flatMap((key) => key.problems.map((each) => `${key.file}: ${each}`)),
      ...report.keys.filter((key) => key.expiresSoon).map((key) => `${key.file}: soon`),
      ...report.extra.map((name) => `${name}: extra`),
    ].map((each) => each.replaceAll(folder, "KEYS"));
  });
  return outcome === "done" ? found : outcome.replaceAll(folder, "KEYS");
}

function edit(change: (text: string) => string): void {
  const file = join(folder, "fingerprints.json");
  writeFileSync(file, change(readFileSync(file, "utf8")));
}

test("the catalog trusts these three keys, and they are as listed", async () => {
  const keys = join(repository, "catalog/upstream-keys");
  expect(loadReleaseKeys(keys).map(({ fingerprint }): string => fingerprint)).toEqual([
    "647F28654894E3BD457199BE38DBBDC86092693E",
    "ABAF11C65A2970B130ABE3C479BE3E4300411886",
    "E27E5D8A3403A2EF66873BBCDEA66FF797772CDC",
  ]);
  const { keys: checked, extra } = await checkReleaseKeys(testContext(), keys);
  expect(checked.flatMap((key) => key.problems)).toEqual([]);
  expect(extra).toEqual([]);
});

describe("the check of the release keys finds", () => {
  test("nothing when list and files agree", async () => {
    expect(await problems()).toEqual([]);
  });

  test("a key that has expired", async () => {
    use("one", "two", "expired");
    rmSync(join(folder, "three.asc"));
    expect(await problems()).toEqual(["expired.asc: it expired at 2020-12-31T00:00:00.000Z"]);
  });

  test("a key that is revoked", async () => {
    use("one", "two", "revoked");
    rmSync(join(folder, "three.asc"));
    expect(await problems()).toEqual(["revoked.asc: it is revoked"]);
  });

  test("a key whose only signing subkey has expired", async () => {
    use("one", "two", "oldsubkey");
    rmSync(join(folder, "three.asc"));
    expect(await problems()).toEqual(["oldsubkey.asc: none of its subkeys can sign any more"]);
  });

  test("a key that expires within thirty days, which is no failure yet", async () => {
    use("one", "soon", "later");
    for (const name of ["two.asc", "three.asc"]) rmSync(join(folder, name));
    expect(await problems()).toEqual(["soon.asc: soon"]);
  });

  test("a file that is not listed", async () => {
    writeFileSync(join(folder, "extra.asc"), gpg.exportArmored("extra"));
    expect(await problems()).toEqual(["extra.asc: extra"]);
  });

  test("a key that is missing", async () => {
    rmSync(join(folder, "two.asc"));
    expect(await problems()).toEqual([
      "two.asc: cannot use the release key KEYS/two.asc: it is missing",
    ]);
  });

  test("another key in the place of a listed one", async () => {
    writeFileSync(join(folder, "two.asc"), gpg.exportArmored("extra"));
    expect(await problems()).toEqual([
      `two.asc: it is ${fingerprints.get("extra")}, the list says ${fingerprints.get("two")}`,
    ]);
  });

  test("a second key in a file, in the same block or after it", async () => {
    writeFileSync(join(folder, "two.asc"), gpg.exportArmored("two", "extra"));
    expect(await problems()).toEqual([
      "two.asc: cannot use the release key KEYS/two.asc: it holds 2 public keys, expected 1",
    ]);
    writeFileSync(join(folder, "two.asc"), gpg.exportArmored("two"));
    appendFileSync(join(folder, "two.asc"), gpg.exportArmored("extra"));
    expect(await problems()).toEqual([
      "two.asc: cannot use the release key KEYS/two.asc: it is not one armored public key",
    ]);
  });

  test.each(["", "no key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])(
    "a file that holds %j",
    async (text) => {
      writeFileSync(join(folder, "two.asc"), text);
      expect(await problems()).toEqual([
        "two.asc: cannot use the release key KEYS/two.asc: it is not one armored public key",
      ]);
    },
  );

  test("a fourth or a missing entry of the list, and a list that is none", async () => {
    use("one", "two", "three", "extra");
    expect(await problems()).toBe(
      "bad-catalog: cannot use KEYS/fingerprints.json: it lists 4 keys, expected 3",
    );
    use("one", "two");
    expect(await problems()).toEndWith("it lists 2 keys, expected 3");
    for (const text of ["", "{}", '{"keys":[{}]}', "[]"]) {
      edit(() => text);
      expect(await problems()).toStartWith("bad-catalog: cannot use KEYS/fingerprints.json: ");
    }
    rmSync(join(folder, "fingerprints.json"));
    expect(await problems()).toStartWith("bad-catalog: there is no list of release keys");
  });

  test("a fingerprint or file that stands twice, or leads out of the folder", async () => {
    edit((text) => text.replaceAll("two.asc", "one.asc"));
    expect(await problems()).toEndWith("a file stands twice");
    use("one", "two", "three");
    edit((text) => text.replaceAll(fingerprints.get("two") ?? "", fingerprints.get("one") ?? ""));
    expect(await problems()).toEndWith("a fingerprint stands twice");
    use("one", "two", "three");
    edit((text) => text.replaceAll("two.asc", "../two.asc"));
    expect(await problems()).toEndWith("keys.1.file is not as it should be");
  });
});

describe("release keys are loaded", () => {
  test("with their packets", () => {
    const keys = loadReleaseKeys(folder);
    expect(keys.map(({ file }) => file)).toEqual(["one.asc", "two.asc", "three.asc"]);
    expect(keys.map(({ bytes }) => Buffer.from(bytes).equals(gpg.exportKeys("one")))).toEqual([
      true,
      false,
      false,
    ]);
  });

  test.each<[string, () => void]>([
    ["a file is not listed", () => writeFileSync(join(folder, "extra.asc"), "")],
    ["a key is missing", () => rmSync(join(folder, "one.asc"))],
    ["a key is none", () => writeFileSync(join(folder, "one.asc"), "x")],
    ["the list is empty", () => edit(() => '{"keys":[]}')],
  ])("not at all when %s", async (_, spoil) => {
    spoil();
    expect(await outcomeOf(() => loadReleaseKeys(folder))).toStartWith("bad-catalog: ");
  });
});
