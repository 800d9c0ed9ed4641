/** JSON itself: what `JSON.parse` does not tell of a document. */
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { BangerError } from "../../../src/core/errors.ts";
import { inspectJson } from "../../../src/core/json.ts";
import { parseStrictly } from "../../../src/core/strict-json.ts";
import { jsonDocuments } from "../json-documents.ts";
import { jsonOracle } from "../json-oracle.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

const repository = resolve(import.meta.dirname, "../../..");
const fileText = (name: string): string => readFileSync(join(repository, name), "utf8");

const refuse = (reason: string): BangerError => new BangerError("failed", reason);

const strictJson: FuzzTarget = {
  name: "strict-json",
  codes: ["failed"],
  testRuns: 400,
  start: () => {
    const texts = [
      fileText("catalog/recipes/6.12.json"),
      '{"a":1,"b":{"c":[1.5,-2e3,{"d":"e","f":null}]},"g":"\\u0041\\"{[,:"}',
    ];
    return {
      corpus: texts.map(bytesOf),
      structured: jsonDocuments(texts),
      words: ['"a":1,', "1.0", '\\"', "[[", "]]", '{"a":', "}}", '"'],
      run: (input) => {
        const text = textOf(input);
        const output = parseStrictly(v.unknown(), text, refuse);
        assert.deepEqual(output, JSON.parse(text));
        assert.equal(jsonOracle(text)?.duplicateKey, undefined);
        return "accepted";
      },
    };
  },
};

/** What is long is cut. */
function assertPlace(found: string | undefined, wanted: string | undefined): void {
  if (found?.includes("…") === true) assert.ok(wanted !== undefined);
  else assert.equal(found, wanted);
}

const jsonFindings: FuzzTarget = {
  name: "json-findings",
  codes: [],
  testRuns: 400,
  start: (scratch) => {
    const session = strictJson.start(scratch);
    if (session instanceof Promise) throw new Error("it starts at once");
    return {
      ...session,
      run: (input) => {
        const text = textOf(input);
        try {
          JSON.parse(text);
        } catch {
          return "refused";
        }
        const found = inspectJson(text, () => true);
        const wanted = jsonOracle(text);
        if (wanted === undefined) return "accepted";
        assertPlace(found.duplicateKey, wanted.duplicateKey);
        assertPlace(found.fraction, wanted.fraction);
        return "accepted";
      },
    };
  },
};

export const jsonTargets: readonly FuzzTarget[] = [strictJson, jsonFindings];
