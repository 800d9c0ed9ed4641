/** What guests are: their consoles, and the file systems that they start from. */
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { initrdFault, likelyCause, startedInit } from "../../../src/core/boot-cause.ts";
import { escapeControls } from "../../../src/core/escape.ts";
import { readGuestReport } from "../../../src/core/guest-report.ts";
import { redactUrl } from "../../../src/core/redact.ts";
import {
  fileSystemBytes,
  fileSystemHeadBytes,
  identifyFileSystem,
} from "../../../src/core/root-file-system.ts";
import { makeFileSystem } from "../../support/root-file-systems.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

const consoleLines = [
  "banger-guest 1",
  "banger-probe root pass mounted",
  "banger-probe block fail ",
  "banger-fact started_us 1360000",
  "banger-fact release 6.12.1",
  "banger-done",
  "[    1.234567] Run /init as init process",
  "Kernel panic - not syncing: VFS: Unable to mount root fs",
  "EXT4-fs error (device vda): bad",
  "Initramfs unpacking failed: junk",
  "Requested init /sbin/init failed (error -2).",
  "dracut ",
  "BUG: x",
];

/** What a guest writes on its console. It may be no friend. */
const console: FuzzTarget = {
  name: "guest-console",
  codes: [],
  isTotal: true,
  start: () => ({
    corpus: [consoleLines.join("\r\n"), consoleLines.join("\n")].map(bytesOf),
    structured: fc
      .array(fc.constantFrom(...consoleLines), { maxLength: 20 })
      .map((lines) => bytesOf(lines.join("\n"))),
    words: ["\n", "\r\n", "banger-probe ", "EXT4-fs (", "dracut", "ALERT! "],
    run: (input) => {
      const text = textOf(input);
      const report = readGuestReport(text);
      for (const [name, { words }] of report.answers)
        assert.match(`${name}${words}`, /^[^\n]{1,240}$/);
      const cause = likelyCause(text, { kind: "timeout", seconds: 9 }, report, false);
      const init = startedInit(text);
      for (const said of [cause, initrdFault(text), init?.path]) {
        assert.ok(said === undefined || (said.length < 600 && !said.includes("\n")), said ?? "");
      }
      return "accepted";
    },
  }),
};

/** Whatever is printed of a foreign text can move no cursor, and tells no password. */
const shown: FuzzTarget = {
  name: "shown-text",
  codes: [],
  isTotal: true,
  start: () => ({
    corpus: [
      "https://me:secret@host/x?token=1",
      "a\u001b[2Jb\u202e",
      "user:secret@host:80",
      "http://a/b",
    ].map(bytesOf),
    words: ["://", "@", "?", "#", "\u001b", "\u202e", "\\"],
    run: (input) => {
      const text = textOf(input);
      const escaped = escapeControls(text);
      assert.ok(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(escaped));
      assert.equal(escapeControls(escaped), escaped);
      const secret = `https://me:${text.replaceAll(/[/?#@]/g, "")}SECRET@host/${text}`;
      assert.ok(!redactUrl(secret).includes("SECRET"), redactUrl(secret));
      assert.ok(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(redactUrl(text)));
      return "accepted";
    },
  }),
};

/** The others take many seconds to make on a busy disk. */
const quick = ["ext2", "ext3", "ext4", "squashfs", "erofs"] as const;

function superblock(magic: string, at: number): Uint8Array {
  const image = new Uint8Array(fileSystemHeadBytes).fill(1);
  image.set(bytesOf(magic), at);
  return image;
}

const rootFileSystem: FuzzTarget = {
  name: "root-file-system",
  codes: [],
  maxBytes: 80_000,
  start: (scratch) => {
    const made = quick.map((kind) => {
      const file = join(scratch, kind);
      makeFileSystem(kind, file);
      const image = new Uint8Array(readFileSync(file).subarray(0, fileSystemHeadBytes));
      assert.equal(identifyFileSystem(image), kind);
      return image;
    });
    const corpus = [...made, superblock("XFSB", 0), superblock("_BHRfS_M", 0x1_0040)];
    return {
      corpus,
      run: (input) => {
        const head = input.subarray(0, fileSystemHeadBytes);
        const kind = identifyFileSystem(head);
        if (kind === undefined) return "refused";
        const sizeBytes = fileSystemBytes(head, kind);
        assert.ok(Number.isFinite(sizeBytes) && sizeBytes >= 0, `${kind} has ${sizeBytes} bytes`);
        return "accepted";
      },
    };
  },
};

export const guestTargets: readonly FuzzTarget[] = [console, shown, rootFileSystem];
