import { BangerError } from "../core/errors.ts";
import { type ListedObject, parseListing, rcloneFailure } from "../core/rclone-answer.ts";
import { isSha256, type Sha256 } from "../core/sha256.ts";
import { cleaned, runChild } from "./child.ts";
import type { Variables } from "./environment.ts";

/** Where objects are kept, as rclone knows it. */
export interface BucketAddress {
  /** A remote of rclone's configuration. */
  readonly remote: string;
  readonly bucket: string;
}

export interface BucketOptions {
  /** Handed on to rclone: `RCLONE_CONFIG_…` holds the credentials. */
  readonly environment: Variables;
  readonly signal: AbortSignal;
  /** Further tries of a failed transfer. */
  readonly retries: number;
}

/** rclone says so with its exit code: directory not found, file not found. */
const notFoundExits = [3, 4];
const immutable = "Cache-Control: public, max-age=31536000, immutable";
/** A cache may keep it, and asks each time whether it is still the newest. */
const mutable = "Cache-Control: no-cache";

/**
 * A bucket of objects, by the rclone program. All are immutable but those that are put by `replace`.
 *
 * @see https://rclone.org/docs/#exit-code
 */
export class Bucket {
  readonly #address: BucketAddress;
  readonly #options: BucketOptions;

  constructor(address: BucketAddress, options: BucketOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** How rclone and people call an object: `remote:bucket/key`. */
  label(key: string): string {
    return `${this.#address.remote}:${this.#address.bucket}/${key}`;
  }

  /** The size of an object in bytes; undefined when there is none. @throws `failed`, `network` */
  async sizeOf(key: string): Promise<number | undefined> {
    const name = key.slice(key.lastIndexOf("/") + 1);
    const found = await this.#list(this.label(key), []);
    return found.find((item) => item.Name === name)?.Size;
  }

  /** The sizes in bytes of all objects, by key. @throws {BangerError} `failed`, `network` */
  async sizes(): Promise<ReadonlyMap<string, number>> {
    const found = await this.#list(this.label(""), ["-R", "--fast-list"]);
    return new Map(found.map((item) => [item.Path, item.Size]));
  }

  /**
   * Uploads a file under a key. An object that is there is left as it is.
   *
   * @param contentType such as `application/json`.
   * @throws {BangerError} `failed`, `no-space`, `network`.
   */
  async put(file: string, key: string, contentType: string): Promise<void> {
    // A second try of rclone's would take the torso that the first one left for the object that is there.
    const flags = ["--ignore-existing", "--retries", "1"];
    await this.#copy(file, key, flags, [immutable, `Content-Type: ${contentType}`]);
  }

  /**
   * Uploads a file under a key, in the place of an object that is there.
   *
   * @throws as `put`
   */
  async replace(file: string, key: string, contentType: string): Promise<void> {
    await this.#copy(file, key, ["--ignore-times"], [mutable, `Content-Type: ${contentType}`]);
  }

  async #copy(
    file: string,
    key: string,
    flags: readonly string[],
    headers: readonly string[],
  ): Promise<void> {
    await this.#run(`cannot upload ${file} to ${this.label(key)}`, [
      "copyto",
      ...flags,
      "--no-traverse",
      "--s3-no-check-bucket",
      ...headers.flatMap((header) => ["--header-upload", header]),
      file,
      this.label(key),
    ]);
  }

  /** The SHA-256 of an object, of its bytes and not of what the server says. @throws as `put` */
  async digest(key: string): Promise<Sha256> {
    const doing = `cannot read ${this.label(key)}`;
    const { stdout } = await this.#run(doing, ["hashsum", "sha256", "--download", this.label(key)]);
    const digest = stdout.slice(0, 64);
    if (isSha256(digest)) return digest;
    throw new BangerError("failed", `${doing}: rclone says ${JSON.stringify(stdout.slice(0, 80))}`);
  }

  /**
   * The text of a small object; undefined when there is none, or nothing in it: `rclone cat` is silent
   * about both.
   *
   * @throws as `put`
   */
  async read(key: string): Promise<string | undefined> {
    const doing = `cannot read ${this.label(key)}`;
    const { exitCode, stdout } = await this.#run(doing, ["cat", this.label(key)], notFoundExits);
    return exitCode === 0 && stdout !== "" ? stdout : undefined;
  }

  /** Deletes an object; nothing happens when there is none. @throws as `put` */
  async remove(key: string): Promise<void> {
    if ((await this.sizeOf(key)) === undefined) return;
    await this.#run(`cannot delete ${this.label(key)}`, ["deletefile", this.label(key)]);
  }

  async #list(target: string, flags: readonly string[]): Promise<readonly ListedObject[]> {
    const doing = `cannot look at ${target}`;
    const args = ["lsjson", "--files-only", "--no-modtime", "--no-mimetype", ...flags, target];
    const { exitCode, stdout } = await this.#run(doing, args, notFoundExits);
    return exitCode === 0 ? parseListing(stdout, doing) : [];
  }

  async #run(
    doing: string,
    args: readonly string[],
    goodExits: readonly number[] = [],
  ): Promise<{ readonly exitCode: number; readonly stdout: string }> {
    const { environment, signal, retries } = this.#options;
    const tries = String(retries + 1);
    const [command = "", ...others] = args;
    const ended = await runChild({
      program: "rclone",
      // The flag that comes last counts.
      args: [command, "--retries", tries, "--low-level-retries", tries, ...others],
      environment: forRclone(environment),
      signal,
    });
    if (ended.exitCode !== 0 && !goodExits.includes(ended.exitCode)) {
      throw rcloneFailure(doing, ended.stderr);
    }
    return ended;
  }
}

/** rclone takes its own variables and no others of ours; its S3 part does not start with AWS_CA_BUNDLE. */
function forRclone(environment: Variables): Variables {
  const others = Object.entries(cleaned(environment)).filter(
    ([name]) => !name.startsWith("BUN_") && name !== "AWS_CA_BUNDLE",
  );
  return Object.fromEntries(others);
}
