/** Documents of JSON: what people write, what banger keeps, what a catalog names. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import type * as fc from "fast-check";
import { formatBootProof, parseBootProof } from "../../../src/core/boot-proof.ts";
import {
  formatBuildRecord,
  parseBuildLog,
  parseBuildRecord,
} from "../../../src/core/build-record.ts";
import { parseCatalogRecord } from "../../../src/core/catalog-record.ts";
import { parseCatalogSource } from "../../../src/core/catalog-source.ts";
import { parseCatalogText } from "../../../src/core/catalog.ts";
import { type ErrorCode } from "../../../src/core/errors.ts";
import { parseImagePin, parseImageRecord } from "../../../src/core/image-record.ts";
import { newestRelease } from "../../../src/core/kernel-releases.ts";
import { formatManifest, parseManifest } from "../../../src/core/manifest.ts";
import { formatProvenance, parseProvenance } from "../../../src/core/provenance.ts";
import { parseRecipe } from "../../../src/core/recipe.ts";
import { parseKeyList } from "../../../src/core/release-keys.ts";
import { parseSupportFacts } from "../../../src/core/support.ts";
import { catalogText, parseCatalogStrictly } from "../../../src/ops/catalog-text.ts";
import { buildFacts } from "../../support/build-facts.ts";
import {
  fileText,
  written,
  manifest,
  image,
  pin,
  times,
  build,
  releases,
  catalogRecord,
  catalogSource,
  fullCatalog,
  bootProofs,
  sha256,
} from "../sound-documents.ts";
import { jsonDocuments } from "../json-documents.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

interface Family {
  readonly name: string;
  readonly codes: readonly ErrorCode[];
  readonly texts: () => readonly string[];
  /** Reads a text, and says what it comes to when it is written again. */
  readonly read: (text: string) => string | undefined;
  readonly structured?: (texts: readonly string[]) => fc.Arbitrary<Uint8Array>;
}

/** What is accepted and written again is accepted, and comes to the same. */
function targetOf({ name, codes, texts, read, structured = jsonDocuments }: Family): FuzzTarget {
  return {
    name,
    codes,
    start: () => {
      const sound = texts();
      for (const text of sound) read(text);
      return {
        corpus: sound.map(bytesOf),
        structured: structured(sound),
        words: ['"a":1,', "1.0", "\\u0000", "[[", "]]", '{"', "}}", "\ufeff"],
        run: (input) => {
          const again = read(textOf(input));
          if (again !== undefined) assert.equal(read(again), again);
          return "accepted";
        },
      };
    },
  };
}

const families: readonly Family[] = [
  {
    name: "catalog",
    codes: ["bad-catalog"],
    texts: () => [fileText("catalog/catalog.json"), fullCatalog()],
    read: (text) => {
      const catalog = parseCatalogText(text, "it");
      const keys = catalog.entries.map((entry) => `${entry.name}:${entry.arch}`);
      assert.equal(new Set(keys).size, keys.length);
      for (const { tarball_url: url } of catalog.entries) assert.ok(new URL(url).href === url, url);
      return catalogText(catalog);
    },
  },
  {
    name: "catalog-strictly",
    codes: ["bad-catalog"],
    texts: () => [fileText("catalog/catalog.json")],
    read: (text) => {
      assert.equal(catalogText(parseCatalogStrictly(text, "it")), text);
      return undefined;
    },
    structured: (texts) =>
      jsonDocuments(texts).map((bytes) => {
        try {
          return bytesOf(`${written(JSON.parse(textOf(bytes)))}\n`);
        } catch {
          return bytes;
        }
      }),
  },
  {
    name: "manifest",
    codes: ["bad-state"],
    texts: () => [written(manifest)],
    read: (text) => {
      const read = parseManifest(text, "it");
      for (const { path } of [...read.files, ...read.links]) {
        assert.equal(join("/kernel", path), `/kernel/${path}`);
      }
      return formatManifest(read);
    },
  },
  {
    name: "image-record",
    codes: ["bad-state"],
    texts: () => [written(image)],
    read: (text) => written(parseImageRecord(text, "it")),
  },
  {
    name: "image-pin",
    codes: ["bad-state"],
    texts: () => [written(pin)],
    read: (text) => written(parseImagePin(text, "it")),
  },
  {
    name: "catalog-record",
    codes: ["bad-state"],
    texts: () => [written(catalogRecord)],
    read: (text) => written(parseCatalogRecord(text, "it")),
  },
  {
    name: "catalog-source",
    codes: ["bad-state"],
    texts: () => [written(catalogSource)],
    read: (text) => written(parseCatalogSource(text, "it")),
  },
  {
    name: "provenance",
    codes: ["failed"],
    texts: () => [
      formatProvenance(buildFacts()),
      formatProvenance({ ...buildFacts(), trust: { kind: "hash" } }),
    ],
    read: (text) => formatProvenance(parseProvenance(text, "it")),
  },
  {
    name: "recipe",
    codes: ["failed"],
    texts: () => [fileText("catalog/recipes/6.12.json"), fileText("catalog/recipes/6.1.json")],
    read: (text) => {
      const recipe = parseRecipe(text, "it");
      // Nothing that stands there is passed over.
      assert.deepEqual(JSON.parse(written(recipe)), JSON.parse(text));
      return written(recipe);
    },
  },
  {
    name: "support-facts",
    codes: ["failed"],
    texts: () => [fileText("catalog/support.json")],
    read: (text) => {
      const facts = { version: 1, lines: Object.fromEntries(parseSupportFacts(text, "it")) };
      assert.deepEqual(facts, JSON.parse(text));
      return written(facts);
    },
  },
  {
    name: "boot-proof",
    codes: ["verification-failed"],
    texts: bootProofs,
    read: (text) => formatBootProof(parseBootProof(text, "it")),
  },
  {
    name: "build-record",
    codes: ["verification-failed"],
    texts: () => [written(build), written({ ...build, built: null, provenance_sha256: sha256 })],
    read: (text) => formatBuildRecord(parseBuildRecord(text, "it")),
  },
  {
    name: "build-log",
    codes: ["verification-failed"],
    texts: () => [written({ version: 1, provenance_sha256: sha256, ...times })],
    read: (text) => written(parseBuildLog(text, "it")),
  },
  {
    name: "kernel-releases",
    codes: ["network", "not-found"],
    texts: () => [written(releases)],
    read: (text) => {
      const { sourceUrl, signatureUrl } = newestRelease(text, "6.12", "it");
      for (const url of [sourceUrl, signatureUrl]) assert.equal(new URL(url).protocol, "https:");
      return undefined;
    },
  },
  {
    name: "release-keys",
    codes: ["bad-catalog"],
    texts: () => [fileText("catalog/upstream-keys/fingerprints.json")],
    read: (text) => {
      const keys = parseKeyList(text, "it");
      for (const { file } of keys) assert.equal(join("/keys", file), `/keys/${file}`);
      assert.deepEqual({ keys }, JSON.parse(text));
      return undefined;
    },
  },
];

export const documentTargets: readonly FuzzTarget[] = families.map(targetOf);
