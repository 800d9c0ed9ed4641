/** What rclone answers, and the fields of HTTP answers. */
import { strict as assert } from "node:assert";
import {
  contentLength,
  rangeStart,
  retryAfterMs,
  strongValidator,
} from "../../../src/core/http-fields.ts";
import { parseListing, rcloneFailure } from "../../../src/core/rclone-answer.ts";
import { jsonDocuments } from "../json-documents.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

/** Values of fields, sound and not. */
export const fieldValues: readonly string[] = [
  "bytes 5-9/10",
  "bytes 0-0/*",
  "bytes */10",
  '"strong"',
  'W/"weak"',
  "120",
  "Wed, 21 Oct 2026 07:28:00 GMT",
  "0",
  "999999999999999",
];

const httpFields: FuzzTarget = {
  name: "http-fields",
  codes: [],
  testRuns: 400,
  start: () => ({
    corpus: fieldValues.map(bytesOf),
    words: ["bytes ", "-", "/", '"', "W/", "GMT"],
    run: (input) => {
      const value = textOf(input);
      const length = contentLength(value);
      const start = rangeStart(value);
      const delayMs = retryAfterMs(value, 0);
      for (const number of [length, start]) {
        assert.ok(number === undefined || (Number.isSafeInteger(number) && number >= 0));
      }
      assert.ok(delayMs === undefined || (Number.isFinite(delayMs) && delayMs >= 0));
      const validator = strongValidator(value, null);
      assert.ok(validator === undefined || (validator === value && !validator.startsWith("W/")));
      return [length, start, delayMs, validator].every((found) => found === undefined)
        ? "refused"
        : "accepted";
    },
  }),
};

const listed = [
  { Path: "a/b", Name: "b", Size: 5, IsDir: false },
  { Path: "a", Name: "a", Size: -1, IsDir: true },
];

const rcloneListing: FuzzTarget = {
  name: "rclone-listing",
  codes: ["failed"],
  start: () => {
    const texts = [JSON.stringify(listed), "[]"];
    return {
      corpus: texts.map(bytesOf),
      structured: jsonDocuments(texts),
      run: (input) => {
        const found = parseListing(textOf(input), "it");
        assert.ok(
          found.every(({ Path, Size }) => typeof Path === "string" && Number.isFinite(Size)),
        );
        return "accepted";
      },
    };
  },
};

const failures = [
  "2026/01/02 03:04:05 ERROR : a: Failed to copy: AccessDenied: no\n",
  '2026/01/02 03:04:05 Failed to create file system for "r2:": didn\'t find section in config file\n',
  "NOTICE: x\nno space left on device\n",
];

const rcloneError: FuzzTarget = {
  name: "rclone-failure",
  codes: ["failed", "no-space", "network"],
  start: () => ({
    corpus: failures.map(bytesOf),
    words: ["\n", "ERROR : ", "AccessDenied", "NOTICE: ", "no remote", "disk quota exceeded"],
    run: (input) => {
      const failure = rcloneFailure("cannot look", textOf(input));
      if (failure.code === "network") return "accepted";
      throw failure;
    },
  }),
};

export const answerTargets: readonly FuzzTarget[] = [httpFields, rcloneListing, rcloneError];
