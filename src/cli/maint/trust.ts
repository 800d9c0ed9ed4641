import type { Command } from "commander";
import { BangerError } from "../../core/errors.ts";
import { lifetimeDays } from "../../trust/lifetimes.ts";
import { type RoleName, roleNames } from "../../trust/repository.ts";
import type { SignTrustInput } from "../../ops/trust/sign-trust.ts";
import { type App, pathOf, type Run, type Shown, wholeNumber } from "../app.ts";
import type { Repository } from "./repository.ts";
import { publicationHelp, publicationOf } from "./publication.ts";
import { keyHelp, signedDocument, signedLine } from "./signed-metadata.ts";
import { addPlaceFlags, placeOf, type PlaceOptions } from "./trust-place.ts";
import { addTrustStatus } from "./trust-status.ts";

interface InitOptions extends PlaceOptions {
  readonly rootKey: readonly string[];
  readonly targetsKey: readonly string[];
  readonly snapshotKey: string;
  readonly timestampKey: string;
  readonly rootThreshold: string;
  readonly targetsThreshold: string;
  readonly days: string;
}

interface SignOptions extends PlaceOptions {
  readonly key: string;
}

interface RotateOptions extends PlaceOptions {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly threshold?: string;
  readonly days: string;
}

interface RenewOptions extends PlaceOptions {
  readonly published?: true;
  readonly local?: true;
  readonly restartAt?: string;
  readonly snapshotDays: string;
  readonly timestampDays: string;
}

/** `trust init`, `sign`, `rotate`, `renew`, `status`, `check-root` and `key-id`. */
export function addTrust(trust: Command, run: Run, repository: Repository): void {
  addInit(trust, run, repository);
  addSign(trust, run, repository);
  addRotate(trust, run, repository);
  addRenew(trust, run, repository);
  addTrustStatus(trust, run, repository);
  addCheckRoot(trust, run);
  addKeyId(trust, run);
}

function addInit(trust: Command, run: Run, repository: Repository): void {
  const init = trust
    .command("init")
    .summary("propose the first root, from public keys")
    .description(
      "Write the first root, from public keys alone. It counts once the holders of root keys have signed it: trust sign.",
    )
    .requiredOption("--root-key <public...>", "public keys of those who sign roots")
    .requiredOption("--targets-key <public...>", "public keys of those who sign catalogs")
    .requiredOption("--snapshot-key <public>", "CI's public key for snapshots")
    .requiredOption("--timestamp-key <public>", "CI's public key for timestamps")
    .option("--root-threshold <n>", "how many must sign a root", "2")
    .option("--targets-threshold <n>", "how many must sign a catalog", "2")
    .option("--days <n>", "how long the root is good for", String(lifetimeDays.root));
  addPlaceFlags(init, repository).action(
    run(async (app, _names, options: InitOptions) => {
      const { initTrust } = await import("../../ops/trust/init-trust.ts");
      const proposed = await initTrust(app.context, {
        ...placeOf(options, repository),
        keyFiles: {
          root: options.rootKey.map((file) => pathOf(file, "--root-key")),
          targets: options.targetsKey.map((file) => pathOf(file, "--targets-key")),
          snapshot: [pathOf(options.snapshotKey, "--snapshot-key")],
          timestamp: [pathOf(options.timestampKey, "--timestamp-key")],
        },
        thresholds: {
          root: wholeNumber(options.rootThreshold, "--root-threshold"),
          targets: wholeNumber(options.targetsThreshold, "--targets-threshold"),
          snapshot: 1,
          timestamp: 1,
        },
        days: positiveNumber(options.days, "--days"),
      });
      const { rootChanges } = await import("../../trust/root-changes.ts");
      const { newRoot } = await import("../../trust/new-metadata.ts");
      const { file, version, expires, holders } = proposed;
      const changes = rootChanges(undefined, newRoot(proposed, holders).signed);
      app.output.note(`${file} waits for ${holders.root.threshold} signatures: trust sign`);
      return { json: { file, version, expires, changes }, text: changes.join("\n") };
    }),
  );
}

function addSign(trust: Command, run: Run, repository: Repository): void {
  const sign = trust
    .command("sign")
    .summary("add your signature to what waits for it")
    .description(
      "Add one signature to the root that waits for it, and to the catalog that somebody has signed already. Nothing else is touched; signing twice changes nothing.",
    )
    .requiredOption("--key <file>", "your private key: a file, or env:NAME");
  addPlaceFlags(sign, repository)
    .addHelpText("after", `\n${keyHelp}`)
    .action(
      run(async (app, _names, options: SignOptions) => {
        const { signTrust } = await import("../../ops/trust/sign-trust.ts");
        const input: SignTrustInput = {
          ...placeOf(options, repository),
          keyPlace: pathOf(options.key, "--key"),
          checkout: repository.root,
        };
        const { signed, changes } = await signTrust(app.context, input);
        const text = [...changes, ...signed.map(signedLine)].join("\n");
        return { json: { changes, signed: signed.map(signedDocument) }, text };
      }),
    );
}

function addRotate(trust: Command, run: Run, repository: Repository): void {
  const rotate = trust
    .command("rotate")
    .summary("propose the next root: other keys, or the same for longer")
    .description(
      "Write the next root. It counts once enough holders of the old root keys and of the new ones have signed it: trust sign. Without --add and --remove it is the old root, good for longer.",
    )
    .argument("<role>", `whose keys: ${roleNames.join(", ")}`)
    .option("--add <public...>", "public keys that come")
    .option("--remove <keyid...>", "ids of keys that go, or what they begin with")
    .option("--threshold <n>", "how many must sign from now on")
    .option("--days <n>", "how long the root is good for", String(lifetimeDays.root));
  addPlaceFlags(rotate, repository).action(
    run(async (app, [role = ""], options: RotateOptions) => {
      const { rotateTrust } = await import("../../ops/trust/rotate-trust.ts");
      const { threshold } = options;
      const { file, version, expires, changes } = await rotateTrust(app.context, {
        ...placeOf(options, repository),
        role: roleOf(role),
        add: options.add ?? [],
        remove: options.remove ?? [],
        threshold: threshold === undefined ? undefined : wholeNumber(threshold, "--threshold"),
        days: positiveNumber(options.days, "--days"),
      });
      app.output.note(`${file} waits for signatures, by old and new root keys: trust sign`);
      return { json: { file, version, expires, changes }, text: changes.join("\n") };
    }),
  );
}

function addRenew(trust: Command, run: Run, repository: Repository): void {
  const renew = trust
    .command("renew")
    .summary("make what CI signs: timestamp and snapshot")
    .description(
      "Make a new timestamp, and a new snapshot when the catalog is another or the old one is half over, with the keys in BANGER_SNAPSHOT_KEY and BANGER_TIMESTAMP_KEY. People must have signed the catalog before. push makes it live.",
    )
    .option("--published", "renew what is published, whatever catalog is here")
    .option("--local", "the folder itself is what is published: ask nobody")
    .option("--restart-at <version>", "begin at this version, after stolen keys drove versions up")
    .option("--snapshot-days <n>", "how long a snapshot is good for", String(lifetimeDays.snapshot))
    .option(
      "--timestamp-days <n>",
      "how long a timestamp is good for",
      String(lifetimeDays.timestamp),
    );
  addPlaceFlags(renew, repository)
    .addHelpText("after", `\n${publicationHelp}`)
    .action(run((app, _names, options: RenewOptions) => renewed(app, options, repository)));
}

async function renewed(app: App, options: RenewOptions, repository: Repository): Promise<Shown> {
  const { renewTrust } = await import("../../ops/trust/renew-trust.ts");
  const { restartAt } = options;
  const result = await renewTrust(app.context, {
    ...placeOf(options, repository),
    checkout: repository.root,
    baseUrl: publicationOf(app).baseUrl,
    isLocal: options.local === true,
    ofPublished: options.published === true,
    restartAt: restartAt === undefined ? undefined : positiveNumber(restartAt, "--restart-at"),
    snapshotDays: positiveNumber(options.snapshotDays, "--snapshot-days"),
    timestampDays: positiveNumber(options.timestampDays, "--timestamp-days"),
  });
  const { timestampVersion, snapshotVersion, targetsVersion, isNewSnapshot, expires } = result;
  const json = {
    timestamp_version: timestampVersion,
    snapshot_version: snapshotVersion,
    targets_version: targetsVersion,
    new_snapshot: isNewSnapshot,
    expires,
  };
  const snapshot = isNewSnapshot
    ? `new snapshot ${snapshotVersion}`
    : `snapshot ${snapshotVersion}`;
  const text = `timestamp ${timestampVersion} of ${snapshot} and targets ${targetsVersion}, good until ${expires}`;
  return { json, text };
}

function addCheckRoot(trust: Command, run: Run): void {
  trust
    .command("check-root")
    .summary("hold a file to what a root must be that a build embeds")
    .description(
      "Exits with 4 when the file is no root, or too few of its own keys have signed it.",
    )
    .argument("<file>", "root.json")
    .action(
      run(async (_app, [file = ""]) => {
        const { checkRoot } = await import("../../ops/trust/check-root.ts");
        const { version, expires, threshold, keys } = checkRoot(pathOf(file, "file"));
        const text = `root ${version}, good until ${expires}, signed by ${keys.filter(({ signed }) => signed).length} of ${keys.length} keys, ${threshold} needed`;
        return { json: { version, expires, threshold, keys }, text };
      }),
    );
}

function addKeyId(trust: Command, run: Run): void {
  trust
    .command("key-id")
    .summary("tell the id of a public key, to find it again in a root")
    .description("Tell by which id metadata knows a public key.")
    .argument("<public>", "a public key in PEM")
    .action(
      run(async (_app, [file = ""]) => {
        const { readRoleKey } = await import("../../ops/trust/signing-key.ts");
        const { keyID } = readRoleKey(pathOf(file, "public"));
        return { json: { key: keyID }, text: keyID };
      }),
    );
}

function roleOf(text: string): RoleName {
  const role = roleNames.find((name) => name === text);
  if (role !== undefined) return role;
  throw new BangerError("usage", `${JSON.stringify(text)} is not a role`, {
    hint: `the roles are ${roleNames.join(", ")}`,
  });
}

/** A whole number that is at least one. */
function positiveNumber(text: string, flag: string): number {
  const number = wholeNumber(text, flag);
  if (number > 0 && number <= 1_000_000_000) return number;
  throw new BangerError("usage", `${flag} wants a number above zero`);
}
