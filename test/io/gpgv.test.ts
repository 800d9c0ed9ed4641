import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fingerprint } from "../../src/core/fingerprint.ts";
import { readSignature, type SigningKey, verifySignature } from "../../src/io/gpgv.ts";
import { HeldFile } from "../../src/io/held-file.ts";
import { Gpg } from "../support/gpg.ts";

const data = "the tar of a kernel\n".repeat(1000);
const year2020 = "20200101T000000";
const spring2020 = "20200401T000000";
let gpg: Gpg;
let folder: string;
const fingerprints = new Map<string, Fingerprint>();

beforeAll(() => {
  gpg = new Gpg();
  folder = mkdtempSync(join(tmpdir(), "banger-gpgv-"));
  const make = (name: string, options?: Parameters<Gpg["makeKey"]>[1]): void => {
    fingerprints.set(name, gpg.makeKey(name, options));
  };
  make("ours");
  make("other");
  make("foreign");
  make("expired", { at: year2020, expires: "1y" });
  make("withsubkey", { subkey: {} });
  make("oldsubkey", { at: year2020, subkey: { expires: "1y" } });
  make("oldprimary", { at: year2020, expires: "1y", subkey: { expires: "never" } });
  make("revoked");
});

afterAll(() => {
  gpg[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

function key(name: string): SigningKey {
  const fingerprint = fingerprints.get(name);
  if (fingerprint === undefined) throw new Error(`there is no key ${name}`);
  return { fingerprint, bytes: gpg.exportKeys(name) };
}

/** The names of the key that signed, or why the signature does not count. */
async function verdict(
  armored: string,
  names: readonly string[],
  bytes: Uint8Array | string = data,
  variables: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  const signature = readSignature(armored);
  if (typeof signature === "string") return signature;
  const file = join(folder, "data");
  writeFileSync(file, bytes);
  using held = HeldFile.open(file);
  if (held === undefined) throw new Error("the file was just written");
  const { signal } = new AbortController();
  const keys = names.map((name) => key(name));
  const found = await verifySignature(keys, signature, held, { variables, signal });
  if (!found.accepted) return found.reason;
  return [...fingerprints].find(([, each]) => each === found.fingerprint)?.[0] ?? "nobody";
}

describe("a signature counts", () => {
  test("when one of ours made it, whichever of them", async () => {
    expect(await verdict(gpg.sign(["ours"], data), ["ours", "other"])).toBe("ours");
    expect(await verdict(gpg.sign(["other"], data), ["ours", "other"])).toBe("other");
  });

  test("when a subkey of one of ours made it", async () => {
    expect(await verdict(gpg.sign(["withsubkey"], data), ["withsubkey"])).toBe("withsubkey");
  });

  test.each(["SHA256", "SHA384", "SHA512"])("with %s", async (hash) => {
    expect(await verdict(gpg.sign(["ours"], data, { hash }), ["ours"])).toBe("ours");
  });

  test("with the headers that kernel.org adds to its armor", async () => {
    const comment = "Comment: This signature is for the .tar version of the archive";
    const signature = gpg.sign(["ours"], data).replace("\n\n", `\n${comment}\n\n`);
    expect(signature).toContain(comment);
    expect(await verdict(signature, ["ours"])).toBe("ours");
  });
});

describe("a signature does not count", () => {
  test("when the key has expired, though it was made in time", async () => {
    const signature = gpg.sign(["expired"], data, { at: spring2020 });
    expect(await verdict(signature, ["ours", "expired"])).toBe("expired-key");
  });

  test("when the subkey that made it has expired", async () => {
    const signature = gpg.sign(["oldsubkey"], data, { at: spring2020 });
    expect(await verdict(signature, ["oldsubkey"])).toBe("expired-key");
  });

  test("when the primary key has expired and the subkey has not", async () => {
    const signature = gpg.sign(["oldprimary"], data, { at: spring2020 });
    expect(await verdict(signature, ["oldprimary"])).toBe("expired-key");
  });

  test("when the key was revoked later", async () => {
    const signature = gpg.sign(["revoked"], data);
    expect(await verdict(signature, ["revoked"])).toBe("revoked");
    gpg.revoke("revoked");
    expect(await verdict(signature, ["revoked"])).toBe("revoked-key");
  });

  test("when a stranger made it", async () => {
    expect(await verdict(gpg.sign(["foreign"], data), ["ours"])).toBe("unknown-key");
  });

  test("when a stranger made it whose key came along with one of ours", async () => {
    const stowaway = { ...key("ours"), bytes: gpg.exportKeys("ours", "foreign") };
    const signature = readSignature(gpg.sign(["foreign"], data));
    if (typeof signature === "string") throw new Error(signature);
    writeFileSync(join(folder, "data"), data);
    using held = HeldFile.open(join(folder, "data"));
    if (held === undefined) throw new Error("the file was just written");
    const options = { variables: process.env, signal: new AbortController().signal };
    expect(await verifySignature([stowaway], signature, held, options)).toEqual({
      accepted: false,
      reason: "unknown-key",
    });
  });

  test("when a stranger made it whom the user's own keyring knows", async () => {
    const home = join(folder, "home");
    mkdirSync(join(home, ".gnupg"), { recursive: true, mode: 0o700 });
    for (const name of ["trustedkeys.gpg", "trustedkeys.kbx", "pubring.gpg"]) {
      writeFileSync(join(home, ".gnupg", name), gpg.exportKeys("foreign"));
    }
    copyFileSync(join(gpg.home, "pubring.kbx"), join(home, ".gnupg/pubring.kbx"));
    const variables = { ...process.env, HOME: home, GNUPGHOME: join(home, ".gnupg") };
    const signature = gpg.sign(["foreign"], data);
    expect(await verdict(signature, ["ours"], data, variables)).toBe("unknown-key");
  });

  test("when there are several, of one key or of a stranger too", async () => {
    const both = ["ours", "foreign"];
    expect(await verdict(gpg.sign(both, data), ["ours"])).toBe("several-signatures");
    expect(await verdict(gpg.sign(["ours", "other"], data), ["ours", "other"])).toBe(
      "several-signatures",
    );
    const twice = gpg.sign(["ours"], data) + gpg.sign(["ours"], data);
    expect(await verdict(twice, ["ours"])).toBe("no-signature");
  });

  test("when it is a signed message instead of a detached signature", async () => {
    for (const form of ["attached", "clear"] as const) {
      expect(await verdict(gpg.sign(["ours"], data, { form }), ["ours"])).toBe("not-detached");
    }
    const disguised = gpg
      .sign(["ours"], data, { form: "attached" })
      .replaceAll("PGP MESSAGE", "PGP SIGNATURE");
    expect(await verdict(disguised, ["ours"], "other data")).toBe("not-detached");
  });

  test("when a bit of the data is another", async () => {
    const signature = gpg.sign(["ours"], data);
    for (const at of [0, 777, data.length - 1]) {
      const wrong = Buffer.from(data);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      expect(await verdict(signature, ["ours"], wrong)).toBe("bad-signature");
    }
    expect(await verdict(signature, ["ours"], data.slice(1))).toBe("bad-signature");
    expect(await verdict(signature, ["ours"], `${data}\n`)).toBe("bad-signature");
    expect(await verdict(signature, ["ours"], "")).toBe("bad-signature");
  });

  test("when it is cut, at any length", async () => {
    const signature = gpg.sign(["ours"], data);
    for (let length = 0; length < signature.length - 1; length += 1) {
      expect(readSignature(signature.slice(0, length))).toBe("no-signature");
    }
  });

  test("when its hash is SHA-1 or SHA-224", async () => {
    for (const hash of ["SHA1", "SHA224"]) {
      expect(await verdict(gpg.sign(["ours"], data, { hash }), ["ours"])).toBe("weak-hash");
    }
  });

  test("when it is over the text, whatever its line ends, and not over the bytes", async () => {
    const signature = gpg.sign(["ours"], data, { form: "text" });
    expect(await verdict(signature, ["ours"])).toBe("text-signature");
    expect(await verdict(signature, ["ours"], data.replaceAll("\n", "\r\n"))).toBe(
      "text-signature",
    );
  });

  test("when there is nothing, or something else", async () => {
    expect(readSignature("")).toBe("no-signature");
    expect(readSignature("<html>404</html>")).toBe("no-signature");
    const publicKey = gpg.exportArmored("ours");
    expect(readSignature(publicKey)).toBe("no-signature");
    expect(readSignature(publicKey.replaceAll("PUBLIC KEY BLOCK", "SIGNATURE"))).toBe(
      "not-detached",
    );
  });
});

test("a missing gpgv is told of, with how to get it", async () => {
  const lonely = { PATH: join(folder, "no-programs") };
  mkdirSync(lonely.PATH);
  const failure: unknown = await verdict(gpg.sign(["ours"], data), ["ours"], data, lonely).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    code: "failed",
    message: "there is no program gpgv on this machine",
    hint: "run: scripts/require.sh gpgv",
  });
});
