/** Repositories of signed catalogs, made by hand so that each can be wrong in its own way. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Key,
  Metadata,
  MetaFile,
  Root,
  Signature,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from "@tufjs/models";
import type { RoleName } from "../../src/trust/repository.ts";

/** An Ed25519 key of a test. */
export class SigningKey {
  readonly key: Key;
  readonly #private: KeyObject;

  /** @param seed makes the same key of the same text; default: a new one */
  constructor(seed?: string) {
    const { publicKey, privateKey } =
      seed === undefined ? generateKeyPairSync("ed25519") : keysOf(seed);
    const hex = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString(
      "hex",
    );
    const fields = { keytype: "ed25519", scheme: "ed25519", keyval: { public: hex } };
    const keyID = createHash("sha256").update(JSON.stringify(fields)).digest("hex");
    this.key = new Key({ keyID, keyType: "ed25519", scheme: "ed25519", keyVal: { public: hex } });
    this.#private = privateKey;
  }

  readonly sign = (bytes: Buffer): Signature =>
    new Signature({ keyID: this.key.keyID, sig: sign(null, bytes, this.#private).toString("hex") });
}

/** @see RFC 8410, section 7, for what stands before the 32 bytes */
function keysOf(seed: string): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  const bytes = createHash("sha256").update(seed).digest();
  const key = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), bytes]);
  const privateKey = createPrivateKey({ key, format: "der", type: "pkcs8" });
  return { publicKey: createPublicKey(privateKey), privateKey };
}

const dayMs = 86_400_000;

/** RFC 3339, so many days from now. */
export function inDays(days: number): string {
  return `${new Date(Date.now() + days * dayMs).toISOString().slice(0, 19)}Z`;
}

/** What a repository is made of; a test changes what it wants to be wrong, and writes again. */
export interface RepositoryState {
  root: { version: number; expires: string; threshold: number };
  targets: { version: number; expires: string; threshold: number };
  snapshot: { version: number; expires: string };
  timestamp: { version: number; expires: string };
  keys: Record<RoleName, SigningKey[]>;
  /** Who signs; `undefined`: all keys of the role. */
  signers: Partial<Record<RoleName, SigningKey[]>>;
  /** The text of catalog.json. */
  catalog: string;
  consistent: boolean;
}

/** A repository in a folder: `metadata/` and `targets/`. */
export class SignedRepository {
  readonly folder: string;
  readonly state: RepositoryState;

  constructor(folder: string, catalog: string, changes: Partial<RepositoryState> = {}) {
    this.folder = folder;
    this.state = {
      root: { version: 1, expires: inDays(365), threshold: 2 },
      targets: { version: 1, expires: inDays(90), threshold: 2 },
      snapshot: { version: 1, expires: inDays(7) },
      timestamp: { version: 1, expires: inDays(2) },
      keys: { root: newKeys(3), targets: newKeys(2), snapshot: newKeys(1), timestamp: newKeys(1) },
      signers: {},
      catalog,
      consistent: true,
      ...changes,
    };
    this.write();
  }

  /** The text of the current root. */
  get root(): string {
    return this.#signed("root", this.#rootMetadata());
  }

  /** Publishes another catalog: a new version of all that tells of it. */
  publish(catalog: string): void {
    this.state.catalog = catalog;
    this.state.targets.version += 1;
    this.state.snapshot.version += 1;
    this.state.timestamp.version += 1;
    this.write();
  }

  /** Puts new keys in the place of a role's, by a new root that old and new root keys sign. */
  rotate(role: RoleName): void {
    const before = this.state.keys[role];
    const after = before.map(() => new SigningKey());
    this.state.root.version += 1;
    this.state.keys[role] = after;
    if (role === "root") this.state.signers.root = [...before, ...after];
    this.write();
  }

  /** Writes all files of this state; those of older versions stay. */
  write(): void {
    const { state } = this;
    this.#put(`metadata/${state.root.version}.root.json`, this.root);
    const bytes = Buffer.from(state.catalog);
    const hash = sha256(bytes);
    this.#put(`targets/${state.consistent ? `${hash}.` : ""}catalog.json`, state.catalog);
    const target = new TargetFile({
      path: "catalog.json",
      length: bytes.length,
      hashes: { sha256: hash },
    });
    const targets = this.#signed(
      "targets",
      new Metadata(
        new Targets({ ...specification(state.targets), targets: { "catalog.json": target } }),
      ),
    );
    this.#put(this.#versioned("targets"), targets);
    const snapshot = this.#signed(
      "snapshot",
      new Metadata(
        new Snapshot({
          ...specification(state.snapshot),
          meta: { "targets.json": metaOf(state.targets.version, targets) },
        }),
      ),
    );
    this.#put(this.#versioned("snapshot"), snapshot);
    const timestamp = this.#signed(
      "timestamp",
      new Metadata(
        new Timestamp({
          ...specification(state.timestamp),
          snapshotMeta: metaOf(state.snapshot.version, snapshot),
        }),
      ),
    );
    this.#put("metadata/timestamp.json", timestamp);
  }

  /** Takes a file away. */
  remove(file: string): void {
    rmSync(join(this.folder, file));
  }

  #versioned(role: "targets" | "snapshot"): string {
    const prefix = this.state.consistent ? `${this.state[role].version}.` : "";
    return `metadata/${prefix}${role}.json`;
  }

  #rootMetadata(): Metadata<Root> {
    const { root, targets, keys, consistent } = this.state;
    const thresholds = {
      root: root.threshold,
      targets: targets.threshold,
      snapshot: 1,
      timestamp: 1,
    };
    const all = Object.values(keys).flat();
    return new Metadata(
      Root.fromJSON({
        _type: "root",
        spec_version: "1.0.31",
        version: root.version,
        expires: root.expires,
        consistent_snapshot: consistent,
        keys: Object.fromEntries(all.map(({ key }) => [key.keyID, key.toJSON()])),
        roles: Object.fromEntries(
          Object.entries(thresholds).map(([role, threshold]) => [
            role,
            { keyids: roleKeys(keys, role).map(({ key }) => key.keyID), threshold },
          ]),
        ),
      }),
    );
  }

  #signed(
    role: RoleName,
    metadata: Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>,
  ): string {
    for (const key of this.state.signers[role] ?? this.state.keys[role]) metadata.sign(key.sign);
    return `${JSON.stringify(metadata.toJSON(), undefined, 1)}\n`;
  }

  #put(file: string, text: string): void {
    const path = join(this.folder, file);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  }
}

function newKeys(count: number): SigningKey[] {
  return Array.from({ length: count }, () => new SigningKey());
}

function roleKeys(keys: Record<RoleName, SigningKey[]>, role: string): SigningKey[] {
  return Object.entries(keys).find(([name]) => name === role)?.[1] ?? [];
}

function specification(role: { version: number; expires: string }) {
  return { specVersion: "1.0.31", version: role.version, expires: role.expires };
}

function metaOf(version: number, text: string): MetaFile {
  const bytes = Buffer.from(text);
  return new MetaFile({ version, length: bytes.length, hashes: { sha256: sha256(bytes) } });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
