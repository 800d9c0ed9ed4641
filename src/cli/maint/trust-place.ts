import path from "node:path";
import type { Command } from "commander";
import type { TrustPlace } from "../../ops/trust/trust-place.ts";
import { pathOf } from "../app.ts";
import type { Repository } from "./repository.ts";

/** The flags that {@link addPlaceFlags} adds. */
export interface PlaceOptions {
  readonly trust: string;
  readonly catalog: string;
  readonly wait: boolean;
}

/** Adds the flags that say which repository is worked on. */
export function addPlaceFlags(command: Command, repository: Repository): Command {
  return command
    .option("--trust <folder>", "the signed repository in the making", repository.trust)
    .option("--catalog <file>", "the catalog", repository.catalogFile)
    .option("--no-wait", "fail when somebody else is signing or changing the catalog");
}

/** Which repository the flags name. @throws {BangerError} `usage` */
export function placeOf(options: PlaceOptions, { cache }: Repository): TrustPlace {
  return {
    trust: path.resolve(pathOf(options.trust, "--trust")),
    catalogFile: path.resolve(pathOf(options.catalog, "--catalog")),
    cache,
    wait: options.wait,
  };
}
