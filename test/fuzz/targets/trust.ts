/** Signed repositories, as servers have them and as a host keeps them: what is accepted is what was signed. */
import { strict as assert } from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { parseCatalogRecord } from "../../../src/core/catalog-record.ts";
import { BangerError } from "../../../src/core/errors.ts";
import type { RepositorySource } from "../../../src/io/repository-source.ts";
import { readKept, recordOf } from "../../../src/trust/kept-repository.ts";
import { refreshRepository } from "../../../src/trust/refresh.ts";
import { parseRole, type RepositoryFiles, roleNames } from "../../../src/trust/repository.ts";
import { takeExpired } from "../../../src/trust/take-folder.ts";
import { SignedRepository, SigningKey } from "../../support/signed-repository.ts";
import { jsonDocuments } from "../json-documents.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

/** Path in the repository → bytes. */
type Files = ReadonlyMap<string, Uint8Array>;

/** The same keys and days whenever it is made: an input that was found once is found again. */
const expires = "2199-01-01T00:00:00Z";
const catalogOf = (serial: number): string =>
  `${JSON.stringify({ version: 1, serial, updated: "2026-01-31T12:00:00Z", entries: [] })}\n`;

interface World {
  readonly root: Uint8Array;
  /** What a host has, from before the repository went on. */
  readonly old: RepositoryFiles;
  readonly new: RepositoryFiles;
  readonly oldFiles: Files;
  readonly newFiles: Files;
  readonly catalogs: readonly string[];
}

function keys(role: string, count: number): SigningKey[] {
  return Array.from({ length: count }, (_, index) => new SigningKey(`${role} ${index}`));
}

async function makeWorld(scratch: string): Promise<World> {
  const folder = join(scratch, "repository");
  const catalogs = [catalogOf(1000), catalogOf(1001)];
  const repository = new SignedRepository(folder, catalogOf(1000), {
    root: { version: 1, expires, threshold: 2 },
    targets: { version: 1, expires, threshold: 2 },
    snapshot: { version: 1, expires },
    timestamp: { version: 1, expires },
    keys: {
      root: keys("root", 3),
      targets: keys("targets", 2),
      snapshot: keys("snapshot", 1),
      timestamp: keys("timestamp", 1),
    },
  });
  const root = bytesOf(repository.root);
  const oldFiles = filesBelow(folder);
  const old = await takeExpired({ trustedRoot: root, known: undefined }, sourceOf(oldFiles));
  const next = keys("next timestamp", 1);
  repository.state.root.version = 2;
  repository.state.keys.timestamp = next;
  repository.publish(catalogOf(1001));
  const newFiles = filesBelow(folder);
  const after = await takeExpired({ trustedRoot: root, known: undefined }, sourceOf(newFiles));
  return { root, old, new: after, oldFiles, newFiles, catalogs };
}

function filesBelow(folder: string): Files {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => name.endsWith(".json"));
  return new Map(files.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
}

function sourceOf(files: Files): RepositorySource {
  return {
    label: "https://a.invalid",
    read: async (file, maxBytes) => {
      const bytes = files.get(file);
      if (bytes !== undefined && bytes.length > maxBytes) {
        throw new BangerError("verification-failed", `${file} has more than ${maxBytes} bytes`);
      }
      return bytes;
    },
  };
}

/** All files of a repository in one input: each after its name. */
function packed(files: Files): Uint8Array {
  const parts = [...files].flatMap(([name, bytes]) => [bytesOf(`\f${name}\n`), bytes]);
  return new Uint8Array(Buffer.concat(parts));
}

function unpacked(input: Uint8Array): Files {
  const parts = Buffer.from(input).toString("latin1").split("\f").slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), new Uint8Array(Buffer.from(part.slice(end + 1), "latin1"))];
    }),
  );
}

/** Repositories whose files are of two times, missing, under each other's names, or changed and not signed anew. */
function mixedFiles(world: World): fc.Arbitrary<Uint8Array> {
  const { oldFiles, newFiles } = world;
  const names = [...newFiles.keys()];
  const documents = [...new Set([...newFiles.values(), ...oldFiles.values()].map(textOf))];
  const change = fc.tuple(
    fc.constantFrom(...names),
    fc.oneof(
      jsonDocuments(documents, 3000),
      fc.constantFrom(...newFiles.values(), ...oldFiles.values()),
      fc.constant(undefined),
    ),
  );
  return fc
    .tuple(fc.constantFrom(oldFiles, newFiles, newFiles), fc.array(change, { maxLength: 3 }))
    .map(([files, changes]) => {
      const mixed = new Map(files);
      for (const [name, bytes] of changes) {
        if (bytes === undefined) mixed.delete(name);
        else mixed.set(name, bytes);
      }
      return packed(mixed);
    });
}

const words = ['"version": 2', '"threshold": 0', '"sig": ""', "\f", "sha256", '"_type": "root"'];

/** What comes of asking a repository: the serial that is then in use. @throws as the update does */
async function serialAfter(
  world: World,
  known: RepositoryFiles | undefined,
  take: () => Promise<RepositoryFiles>,
): Promise<number> {
  const files = await take();
  const kept = readKept(world.root, recordOf(files, "https://a.invalid", "2026-01-31T12:00:00Z"));
  assert.ok(
    world.catalogs.includes(kept.record.catalog),
    `a forged catalog: ${kept.record.catalog}`,
  );
  const floor = known === undefined ? 0 : known === world.new ? 1001 : 1000;
  assert.ok(kept.parsed.serial >= floor, `${kept.parsed.serial} after ${floor}`);
  return kept.parsed.serial;
}

const repository: FuzzTarget = {
  name: "trust-repository",
  codes: ["verification-failed", "network", "bad-catalog"],
  // Each is six updates, which are made durable.
  testRuns: 12,
  maxBytes: 2 ** 18,
  start: async (scratch) => {
    const world = await makeWorld(scratch);
    return {
      corpus: [packed(world.newFiles), packed(world.oldFiles)],
      structured: mixedFiles(world),
      words,
      run: async (input): Promise<"accepted"> => {
        const source = sourceOf(unpacked(input));
        const refusals: BangerError[] = [];
        for (const known of [world.old, world.new, undefined]) {
          const base = { trustedRoot: world.root, known, scratch };
          for (const take of [refreshRepository, takeExpired]) {
            try {
              await serialAfter(world, known, () => take(base, source));
            } catch (error) {
              if (!(error instanceof BangerError)) throw error;
              refusals.push(error);
            }
          }
        }
        const [first] = refusals;
        if (first !== undefined) throw first;
        return "accepted";
      },
    };
  },
};

const kept: FuzzTarget = {
  name: "trust-kept",
  codes: ["bad-state", "verification-failed", "bad-catalog"],
  maxBytes: 2 ** 18,
  start: async (scratch) => {
    const world = await makeWorld(scratch);
    const at = "2026-01-31T12:00:00Z";
    const records = [world.old, world.new].map((files) => recordOf(files, "https://a.invalid", at));
    const texts = records.map((record) => JSON.stringify(record));
    const inner = records.flatMap(({ roots, timestamp, snapshot, targets, catalog }) => [
      ...roots,
      timestamp,
      snapshot,
      targets,
      catalog,
    ]);
    const part = fc.constantFrom("timestamp", "snapshot", "targets", "catalog", "roots");
    const swapped = fc
      .tuple(
        fc.constantFrom(...records),
        part,
        fc.oneof(jsonDocuments(inner, 3000), fc.constantFrom(...inner.map(bytesOf))),
      )
      .map(([record, name, bytes]) => {
        const text = textOf(bytes);
        return bytesOf(JSON.stringify({ ...record, [name]: name === "roots" ? [text] : text }));
      });
    return {
      corpus: texts.map(bytesOf),
      structured: fc.oneof(swapped, jsonDocuments(texts, 3000)),
      words,
      run: (input) => {
        const read = readKept(world.root, parseCatalogRecord(textOf(input), "it"));
        assert.ok(world.catalogs.includes(read.record.catalog), "a forged catalog");
        return "accepted";
      },
    };
  },
};

const metadata: FuzzTarget = {
  name: "trust-metadata",
  codes: ["verification-failed"],
  maxBytes: 2 ** 16,
  start: async (scratch) => {
    const world = await makeWorld(scratch);
    const files = [world.root, world.new.timestamp, world.new.snapshot, world.new.targets];
    return {
      corpus: files,
      structured: jsonDocuments(files.map(textOf), 3000),
      words,
      run: (input) => {
        const refusals: BangerError[] = [];
        for (const role of roleNames) {
          try {
            const { version } = parseRole[role](input).signed;
            assert.ok(Number.isInteger(version), String(version));
          } catch (error) {
            if (!(error instanceof BangerError)) throw error;
            refusals.push(error);
          }
        }
        const [first] = refusals;
        if (refusals.length === roleNames.length && first !== undefined) throw first;
        return "accepted";
      },
    };
  },
};

export const trustTargets: readonly FuzzTarget[] = [repository, kept, metadata];
