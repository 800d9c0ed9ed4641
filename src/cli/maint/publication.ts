import { BangerError } from "../../core/errors.ts";
import { Bucket } from "../../io/rclone.ts";
import { bundleBaseUrl } from "../../ops/catalog-text.ts";
import type { App } from "../app.ts";

/** Where files are published: how they get there, and where everybody reads them. */
export interface Publication {
  readonly bucket: Bucket;
  /** With a slash at its end. */
  readonly baseUrl: string;
}

const remoteName = /^[A-Za-z0-9_][A-Za-z0-9_.+@ -]*$/;
const bucketPath = /^\/?[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_.-]+)*$/;
const base =
  /^https:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:\/[A-Za-z0-9._~+-]+)*\/?$/;

/** What people are told of these variables. */
export const publicationHelp: string = `Environment:
  RCLONE_REMOTE       the remote of rclone's configuration (default r2)
  RCLONE_BUCKET       the bucket, or a folder of the remote (default banger-kernels)
  BASE_URL            where everybody reads the bucket (default ${bundleBaseUrl.slice(0, -1)})
  RCLONE_CONFIG_…     rclone's own configuration, with the credentials`;

/** Where to publish, by `RCLONE_REMOTE`, `RCLONE_BUCKET` and `BASE_URL`. @throws {BangerError} `usage` */
export function publicationOf(app: App): Publication {
  const { environment, signal } = app.context;
  const variable = (name: string, fallback: string, rule: RegExp, wanted: string): string => {
    const value = environment.variables[name] ?? "";
    if (value === "") return fallback;
    if (rule.test(value)) return value.replace(/\/$/, "");
    throw new BangerError("usage", `${name} is ${JSON.stringify(value)}, ${wanted} is wanted`);
  };
  const remote = variable("RCLONE_REMOTE", "r2", remoteName, "the name of an rclone remote");
  const bucket = variable("RCLONE_BUCKET", "banger-kernels", bucketPath, "the name of a bucket");
  const url = variable("BASE_URL", bundleBaseUrl.slice(0, -1), base, "a plain https URL");
  const { variables, httpRetries: retries } = environment;
  const address = { remote, bucket };
  return {
    bucket: new Bucket(address, { environment: variables, signal, retries }),
    baseUrl: `${url}/`,
  };
}
