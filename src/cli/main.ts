import type { Command } from "commander";
import type { Guests } from "../boot/guest-files.ts";
import { parseCatalog, type Catalog } from "../core/catalog.ts";
import type { Run, Shown } from "./app.ts";
import { addCatalog } from "./commands/catalog.ts";
import { addCatalogSources } from "./commands/catalog-sources.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addCompletion, complete } from "./commands/completion.ts";
import { addImage } from "./commands/image.ts";
import { addImageBoot } from "./commands/image-boot.ts";
import { addKernelBoot } from "./commands/kernel-boot.ts";
import { addKernelCheck } from "./commands/kernel-check.ts";
import { addKernelDiff } from "./commands/kernel-diff.ts";
import { addKernelExtract } from "./commands/kernel-extract.ts";
import { addKernelImport } from "./commands/kernel-import.ts";
import { addKernelList } from "./commands/kernel-list.ts";
import { addKernelMove } from "./commands/kernel-move.ts";
import { addKernelPull } from "./commands/kernel-pull.ts";
import { addKernelRemove } from "./commands/kernel-remove.ts";
import { addKernelShow } from "./commands/kernel-show.ts";
import { addKernelVerify } from "./commands/kernel-verify.ts";
import { addMirror } from "./commands/mirror.ts";
import { addGroup } from "./group.ts";
import { addBareRun, addHelp, Session } from "./session.ts";

/** What was compiled into this executable. */
export interface Build {
  readonly version: string;
  /** Short git commit; `unknown` outside a checkout. */
  readonly commit: string;
  /** The document of catalog/catalog.json. */
  readonly catalog: unknown;
  /** The document of catalog/upstream-keys/fingerprints.json. */
  readonly releaseKeys: unknown;
  /** The text of the root that catalog updates are verified by; undefined: there are none. */
  readonly trustRoot: string | undefined;
  /** The files of guest/. */
  readonly guests: Guests;
}

/**
 * Runs banger.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit code; everything has been written by then.
 */
export async function main(argv: readonly string[], build: Build): Promise<number> {
  const embedded = (): Catalog => parseCatalog(build.catalog, "within banger");
  const session = new Session(
    {
      name: "banger",
      userAgent: `banger/${build.version}`,
      embedded: { catalog: embedded, root: build.trustRoot },
      guests: build.guests,
      addCommands: (program, run) => {
        addCommands(program, run, build, () => versionOf(build, embedded()));
      },
    },
    argv,
  );
  if (argv[0] !== "complete" || argv[1] !== "--") return session.run();
  try {
    await complete(session.program, session.context(), argv.slice(2));
    return 0;
  } catch (error) {
    return session.fail(error);
  }
}

function addCommands(program: Command, run: Run, build: Build, version: () => Shown): void {
  program
    .description("The kernel catalog for Firecracker microVMs.")
    .option("-V, --version", "print version, commit and date of the catalog");
  addBareRun(
    program,
    run,
    (options) => (options.version === true ? version() : undefined),
    examples,
  );
  const of =
    (add: (group: Command, run: Run) => void) =>
    (group: Command): void => {
      add(group, run);
    };
  addGroup(program, "kernel", "pull, list, verify and remove kernels", [
    ["list ls outdated", of(addKernelList)],
    ["pull", of(addKernelPull)],
    ["show inspect path", of(addKernelShow)],
    [
      "verify",
      (group) => {
        addKernelVerify(group, run, build.releaseKeys);
      },
    ],
    ["check", of(addKernelCheck)],
    ["boot", of(addKernelBoot)],
    ["diff", of(addKernelDiff)],
    ["extract", of(addKernelExtract)],
    ["import", of(addKernelImport)],
    ["export rollback", of(addKernelMove)],
    ["rm remove gc", of(addKernelRemove)],
  ]);
  addGroup(program, "image", "join root filesystems with kernels", [
    ["register list ls show inspect rm remove config", of(addImage)],
    ["boot", of(addImageBoot)],
  ]);
  addGroup(program, "catalog", "update the catalog, and tell which is in use", [
    ["update status show", of(addCatalog)],
    ["add list ls rm remove", of(addCatalogSources)],
  ]);
  addGroup(program, "mirror", "carry the catalog and its kernels elsewhere", [
    ["sync", of(addMirror)],
  ]);
  addDoctor(program, run);
  addCompletion(program, run);
  addHelp(program);
  // Only now: a command that is added later would inherit it.
  program.allowExcessArguments();
}

function versionOf(build: Build, catalog: Catalog): Shown {
  const { version, commit } = build;
  const { serial, updated } = catalog;
  return {
    json: { version, commit, catalog: { serial, updated } },
    text: `banger ${version} (${commit}), catalog ${serial} of ${updated.slice(0, 10)}`,
  };
}

const examples = `Examples:
  banger kernel list --available
  banger kernel pull generic-6.12
  banger image register --name myimg --rootfs rootfs.ext4 --kernel-ref generic-6.12
  banger image config myimg > vm.json && firecracker --no-api --config-file vm.json`;
