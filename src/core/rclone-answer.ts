import * as v from "valibot";
import { BangerError } from "./errors.ts";
import { shortened } from "./shortened.ts";

/** An object of a bucket, as rclone lists it. */
export interface ListedObject {
  /** From the top of the bucket. */
  readonly Path: string;
  readonly Name: string;
  /** In bytes. */
  readonly Size: number;
}

const listing = v.array(
  v.object({ Path: v.string(), Name: v.string(), Size: v.number(), IsDir: v.boolean() }),
);

/**
 * Reads what `rclone lsjson` prints; folders are left out.
 *
 * @param doing what the error begins with.
 * @throws {BangerError} `failed`, when it is anything else.
 * @see https://rclone.org/commands/rclone_lsjson/
 */
export function parseListing(stdout: string, doing: string): readonly ListedObject[] {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch (cause) {
    throw new BangerError("failed", `${doing}: the listing of rclone is not JSON`, { cause });
  }
  const parsed = v.safeParse(listing, value);
  if (parsed.success) return parsed.output.filter((item) => !item.IsDir);
  throw new BangerError("failed", `${doing}: the listing of rclone is not as expected`);
}

const noConfiguration = /didn't find section in config file|no remote|couldn't find type/i;
const unusable = /didn't find backend|not a directory|destination is a file/i;
const noEntry =
  /InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Unauthorized|Forbidden|NoSuchBucket|permission denied|status code: 40[0134]/i;
const full = /no space left on device|disk quota exceeded|file too big for remaining disk space/i;

/**
 * Why rclone failed, from what it wrote: `failed` for what the user must mend, `no-space`, else `network`.
 *
 * @param doing what the error begins with.
 * @param stderr of an rclone that ended with an error.
 */
export function rcloneFailure(doing: string, stderr: string): BangerError {
  const reason = lastWords(stderr);
  const message = `${doing}: ${reason}`;
  if (noConfiguration.test(reason)) {
    return new BangerError("failed", message, {
      hint: "rclone wants a remote of this name: set RCLONE_CONFIG_R2_TYPE and so on, or RCLONE_REMOTE\nsee docs/kernel-catalog.md, 'What you need'",
    });
  }
  if (unusable.test(stderr)) {
    return new BangerError("failed", message, {
      hint: "look at the type of rclone's remote, and at RCLONE_BUCKET: docs/kernel-catalog.md, 'What you need'",
    });
  }
  if (full.test(reason)) {
    return new BangerError("no-space", message, {
      hint: "free some space where the bucket is, then run the same command again",
    });
  }
  if (noEntry.test(stderr)) {
    return new BangerError("failed", message, {
      hint: "look at the credentials, the endpoint and RCLONE_BUCKET: docs/kernel-catalog.md, 'What you need'",
    });
  }
  return new BangerError("network", message, { hint: "run the same command again" });
}

/** The last line that says what went wrong, else the last of all, without its time. */
function lastWords(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, "").trim())
    .filter((line) => line !== "" && !line.startsWith("NOTICE: "));
  const faults = lines.filter((line) => /^(ERROR|Failed|CRITICAL|Fatal|Error)/i.test(line));
  const words = faults.at(-1) ?? lines.at(-1) ?? "rclone failed";
  return shortened(words.replace(/^ERROR : /, ""));
}
