/** Signatures: OpenPGP's armor and packets, and what gpgv and minisign say of them. */
import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import * as fc from "fast-check";
import { isFingerprint } from "../../../src/core/fingerprint.ts";
import { decodeArmor } from "../../../src/core/openpgp-armor.ts";
import { packetTags } from "../../../src/core/openpgp-packets.ts";
import { judgeSignature } from "../../../src/core/signature-status.ts";
import { readSignature, verifySignature } from "../../../src/io/gpgv.ts";
import { HeldFile } from "../../../src/io/held-file.ts";
import { minisign, verifyMinisign } from "../../../src/io/minisign.ts";
import { Gpg } from "../../support/gpg.ts";
import { concat } from "../../support/tar-builder.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

const repository = resolve(import.meta.dirname, "../../..");
const signal = new AbortController().signal;
const options = { variables: process.env, signal };

/** A signature that is none, in sound armor: its CRC-24 is right. */
const hello = "-----BEGIN PGP SIGNATURE-----\n\naGVsbG8=\n=R/WK\n-----END PGP SIGNATURE-----\n";
const key = (): string =>
  readFileSync(join(repository, "catalog/upstream-keys/linus-torvalds.asc"), "utf8");

const armor: FuzzTarget = {
  name: "openpgp-armor",
  codes: [],
  start: () => ({
    corpus: [hello, hello.replace("\n\n", "\nComment: a\n\n"), key()].map(bytesOf),
    structured: fc
      .array(
        fc.constantFrom(
          "-----BEGIN PGP SIGNATURE-----",
          "",
          "Comment: a: b",
          "aGVsbG8=",
          "=R/WK",
          "-----END PGP SIGNATURE-----",
          " ",
        ),
        { maxLength: 9 },
      )
      .map((lines) => bytesOf(lines.join("\n"))),
    words: ["\n", "=", "\r\n", "Comment: a\n", "-----"],
    run: (input) => {
      const text = textOf(input);
      const found = [decodeArmor(text, "PGP SIGNATURE"), decodeArmor(text, "PGP PUBLIC KEY BLOCK")];
      const bytes = found.find((each) => each !== undefined);
      if (bytes === undefined) return "refused";
      // The lines of base64 hold these very bytes.
      const lines = text
        .trim()
        .split("\n")
        .map((line) => line.trim());
      const data = lines.slice(lines.indexOf("") + 1, -2).join("");
      assert.equal(Buffer.from(bytes).toString("base64"), data);
      return "accepted";
    },
  }),
};

const packet = fc
  .tuple(fc.nat(63), fc.nat(5), fc.uint8Array({ maxLength: 220 }))
  .map(([tag, form, body]) => {
    const size = body.length;
    const old = 0x80 | ((tag & 15) << 2);
    const heads = [
      [old, size],
      [old | 1, size >> 8, size & 255],
      [old | 2, 0, 0, size >> 8, size & 255],
      [old | 3],
      [0xc0 | tag, ...(size < 192 ? [size] : [192, size - 192])],
      [0xc0 | tag, 255, 0, 0, size >> 8, size & 255],
    ];
    return concat(Uint8Array.from(heads[form] ?? []), body);
  });

const packets: FuzzTarget = {
  name: "openpgp-packets",
  codes: [],
  start: () => ({
    corpus: [decodeArmor(key(), "PGP PUBLIC KEY BLOCK") ?? new Uint8Array()],
    structured: fc.array(packet, { maxLength: 4 }).map((parts) => concat(...parts)),
    run: (input) => {
      const tags = packetTags(input);
      if (tags === undefined) return "refused";
      // Each has a head of two bytes at least, but for one that goes on to the end.
      assert.ok(tags.length <= Math.ceil(input.length / 2) + 1);
      assert.equal(tags.length === 0, input.length === 0);
      return "accepted";
    },
  }),
};

const primary = "A".repeat(40);
const lines = [
  "NEWSIG",
  `KEY_CONSIDERED ${primary} 0`,
  "SIG_ID x 2026-01-02 1",
  "GOODSIG AAAAAAAAAAAAAAAA Somebody <somebody@example.org>",
  `VALIDSIG ${primary} 2026-01-02 1767312000 0 4 0 22 8 00 ${primary}`,
  `VALIDSIG ${primary} 2026-01-02 1767312000 0 4 0 22 2 00 ${primary}`,
  `VALIDSIG ${"B".repeat(40)} 2026-01-02 1767312000 0 4 0 22 10 01 ${"C".repeat(40)}`,
  "EXPKEYSIG A x",
  "BADSIG A x",
  "REVKEYSIG A x",
  "NODATA 1",
  "NO_PUBKEY A",
  "UNHEARD_OF",
  "NOTATION_NAME a@b",
];
const statusOf = (some: readonly string[]): Uint8Array =>
  bytesOf(some.map((line) => `[GNUPG:] ${line}\n`).join(""));

const status: FuzzTarget = {
  name: "gpgv-status",
  codes: [],
  testRuns: 400,
  start: () => ({
    corpus: [statusOf(lines.slice(0, 5))],
    structured: fc.shuffledSubarray(lines).map(statusOf),
    words: ["[GNUPG:] ", "\n", "GOODSIG", "VALIDSIG", " 8 00 ", primary],
    run: (input) => {
      const text = textOf(input);
      if (!isFingerprint(primary)) throw new Error("it is one");
      const verdict = judgeSignature(text, new Set([primary]));
      if (!verdict.accepted) return "refused";
      const count = (word: string): number =>
        text.split("\n").filter((line) => line.split(" ")[1] === word).length;
      for (const word of ["NEWSIG", "GOODSIG", "VALIDSIG"]) assert.equal(count(word), 1, word);
      for (const word of [
        "BADSIG",
        "ERRSIG",
        "EXPSIG",
        "EXPKEYSIG",
        "REVKEYSIG",
        "NO_PUBKEY",
        "NODATA",
        "FAILURE",
        "ERROR",
      ]) {
        assert.equal(count(word), 0, word);
      }
      assert.equal(verdict.fingerprint, primary);
      return "accepted";
    },
  }),
};

/** gpgv itself, with a signature that is changed: over other data than was signed none counts. */
const gpgv: FuzzTarget = {
  name: "gpgv",
  codes: [],
  testRuns: 25,
  maxBytes: 2 ** 14,
  start: (scratch) => {
    const gpg = new Gpg();
    const fingerprint = gpg.makeKey("ours");
    const keys = [{ fingerprint, bytes: gpg.exportKeys("ours") }];
    const signed = "the tar of a kernel\n";
    const [right, wrong] = ["right", "wrong"].map((name) => join(scratch, name));
    if (right === undefined || wrong === undefined) throw new Error("two names give two paths");
    writeFileSync(right, signed);
    writeFileSync(wrong, signed.toUpperCase());
    const verdict = async (signature: Uint8Array, file: string): Promise<boolean> => {
      using held = HeldFile.open(file);
      if (held === undefined) throw new Error("it was just written");
      return (await verifySignature(keys, signature, held, options)).accepted;
    };
    const armored = gpg.sign(["ours"], signed);
    const bare = decodeArmor(armored, "PGP SIGNATURE") ?? new Uint8Array();
    return {
      corpus: [bytesOf(armored), bare, bytesOf(gpg.sign(["ours"], signed, { form: "clear" }))],
      run: async (input): Promise<"accepted" | "refused"> => {
        const read = readSignature(textOf(input));
        // Armor has a checksum: most changes would end there.
        const signature = typeof read === "string" ? input : read;
        assert.equal(await verdict(signature, wrong), false);
        return (await verdict(signature, right)) ? "accepted" : "refused";
      },
      stop: () => {
        gpg[Symbol.dispose]();
      },
    };
  },
};

/** minisign itself, with a signature and a text that are changed: what it accepts is what was signed. */
const minisigned: FuzzTarget = {
  name: "minisign",
  codes: ["verification-failed"],
  testRuns: 25,
  maxBytes: 2 ** 14,
  start: async (scratch) => {
    const [secret, open] = [join(scratch, "key"), join(scratch, "key.pub")];
    spawnSync("minisign", ["-G", "-W", "-s", secret, "-p", open]);
    const text = `${"0a".repeat(32)}  a.tar.zst\n`;
    const { signature, publicKey } = await minisign(
      {
        text,
        secretKey: readFileSync(secret, "utf8"),
        label: "the key",
        passphrase: undefined,
        publicKey: readFileSync(open, "utf8"),
        trustedComment: "catalog serial 7",
      },
      options,
    );
    return {
      corpus: [bytesOf(signature), bytesOf(`${signature}\f${text.toUpperCase()}`)],
      words: ["trusted comment: ", "untrusted comment: ", "\n", "RUQ", "\f"],
      run: async (input): Promise<"accepted" | "refused"> => {
        const [changed = "", other = text] = textOf(input).split("\f");
        const comment = await verifyMinisign(other, { signature: changed, publicKey }, options);
        assert.equal(other, text);
        assert.equal(comment, "catalog serial 7");
        return "accepted";
      },
    };
  },
};

export const signatureTargets: readonly FuzzTarget[] = [armor, packets, status, gpgv, minisigned];
