import { describe, expect, test } from "bun:test";
import { isFingerprint, type Fingerprint } from "../../src/core/fingerprint.ts";
import { judgeSignature } from "../../src/core/signature-status.ts";

function fingerprint(digit: string): Fingerprint {
  const text = digit.repeat(40);
  if (!isFingerprint(text)) throw new Error(`${text} is no fingerprint`);
  return text;
}

const primary = fingerprint("A");
const subkey = fingerprint("B");
const foreign = fingerprint("C");
const allowed = new Set([primary]);

function valid(signer: Fingerprint, hash = "8", signatureClass = "00", owner = primary): string {
  return `VALIDSIG ${signer} 2026-01-02 1767312000 0 4 0 22 ${hash} ${signatureClass} ${owner}`;
}

const good = "GOODSIG AAAAAAAAAAAAAAAA Somebody <somebody@example.org>";

function judge(...lines: readonly string[]): string {
  const status = lines.map((line) => `[GNUPG:] ${line}\n`).join("");
  const verdict = judgeSignature(status, allowed);
  return verdict.accepted ? `${verdict.fingerprint} at ${verdict.signedAt}` : verdict.reason;
}

describe("what gpgv says", () => {
  test("is believed of one good signature by a key of ours, and by its subkey", () => {
    for (const signer of [primary, subkey]) {
      expect(
        judge(
          "NEWSIG",
          `KEY_CONSIDERED ${primary} 0`,
          "SIG_ID x 2026-01-02 1",
          good,
          valid(signer),
        ),
      ).toBe(`${primary} at 1767312000`);
    }
  });

  test.each(["8", "9", "10"])("is believed with hash %s", (hash) => {
    expect(judge("NEWSIG", good, valid(primary, hash))).toStartWith(primary);
  });

  test.each(["1", "2", "3", "11", "12", "", "x"])("is not believed with hash %p", (hash) => {
    expect(judge("NEWSIG", good, valid(primary, hash))).toBe("weak-hash");
  });

  test.each(["01", "02", "10", "1F"])("is not believed with class %s", (signatureClass) => {
    expect(judge("NEWSIG", good, valid(primary, "8", signatureClass))).toBe("text-signature");
  });

  test("is not believed of a foreign primary key, whatever key of ours its subkey is", () => {
    expect(judge("NEWSIG", good, valid(primary, "8", "00", foreign))).toBe("unknown-key");
  });

  test.each([
    ["EXPKEYSIG A Somebody", "expired-key"],
    ["KEYEXPIRED 1609372800", "expired-key"],
    ["REVKEYSIG A Somebody", "revoked-key"],
    ["EXPSIG A Somebody", "expired-signature"],
    ["BADSIG A Somebody", "bad-signature"],
    ["NO_PUBKEY A", "unknown-key"],
    ["ERRSIG A 22 8 00 1 4 -", "unclear"],
    ["NODATA 4", "no-signature"],
    ["FAILURE gpgv 1", "unclear"],
    ["ERROR verify 1", "unclear"],
    ["PLAINTEXT 62 1 name", "unclear"],
    ["SOMETHING_NEW", "unclear"],
  ])("is not believed with a line %s", (line, reason) => {
    expect(judge("NEWSIG", good, valid(primary), line)).toBe(reason);
    expect(judge(line, "NEWSIG", good, valid(primary))).toBe(reason);
  });

  test.each([
    ["two of everything", ["NEWSIG", good, valid(primary), "NEWSIG", good, valid(primary)]],
    ["two NEWSIG", ["NEWSIG", "NEWSIG", good, valid(primary)]],
    ["two GOODSIG", ["NEWSIG", good, good, valid(primary)]],
    ["two VALIDSIG", ["NEWSIG", good, valid(primary), valid(primary)]],
    ["a foreign one beside", ["NEWSIG", good, valid(primary), "NEWSIG", "NO_PUBKEY A"]],
  ])("is not believed of %s", (_, lines) => {
    expect(judge(...lines)).toBe("several-signatures");
  });

  test.each([
    ["nothing", []],
    ["no NEWSIG", [good, valid(primary)]],
    ["no GOODSIG", ["NEWSIG", valid(primary)]],
    ["no VALIDSIG", ["NEWSIG", good]],
  ])("is not believed with %s", (_, lines) => {
    expect(judge(...lines)).toBe("no-signature");
  });

  test.each([
    ["VALIDSIG"],
    [`VALIDSIG ${primary} 2026-01-02 1767312000 0 4 0 22 8 00`],
    [`${valid(primary)} more`],
    [valid(primary).toLowerCase().replace("validsig", "VALIDSIG")],
    [valid(primary).replace("1767312000", "20260102T000000")],
  ])("is not believed when it is misshapen: %s", (line) => {
    expect(judge("NEWSIG", good, line)).toBe("unclear");
  });

  test("is not believed when a line was cut, or is no status line", () => {
    const whole = `[GNUPG:] NEWSIG\n[GNUPG:] ${good}\n[GNUPG:] ${valid(primary)}\n`;
    expect(judgeSignature(whole, allowed).accepted).toBe(true);
    for (const status of [whole.slice(0, -1), `gpgv: a word\n${whole}`, `${whole}\n`]) {
      expect(judgeSignature(status, allowed)).toEqual({ accepted: false, reason: "unclear" });
    }
  });
});
