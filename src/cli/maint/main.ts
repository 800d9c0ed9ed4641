import { loadCatalog } from "../../io/catalog-file.ts";
import { addGroup } from "../group.ts";
import { addBareRun, addHelp, Session } from "../session.ts";
import { addBuild } from "./build.ts";
import { addCatalogSign } from "./catalog-sign.ts";
import { addCheck } from "./check.ts";
import { addCheckCatalog } from "./check-catalog.ts";
import { addCheckKeys } from "./check-keys.ts";
import { addOutdated } from "./outdated.ts";
import { addPack } from "./pack.ts";
import { addPublish } from "./publish.ts";
import { addPush } from "./push.ts";
import { addRemove } from "./remove.ts";
import { addReproduce } from "./reproduce.ts";
import { addSums } from "./sums.ts";
import { addTrust } from "./trust.ts";
import type { Repository } from "./repository.ts";
import { addSupport } from "./support.ts";
import { addWithdraw } from "./withdraw.ts";

/**
 * Runs banger-maint, the commands of those who keep the catalog.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit code; everything has been written by then.
 */
export function maintain(argv: readonly string[], repository: Repository): Promise<number> {
  const session = new Session(
    {
      name: "banger-maint",
      userAgent: `banger-maint/${repository.version}`,
      embedded: { catalog: () => loadCatalog(repository.catalogFile), root: undefined },
      guests: repository.guests,
      addCommands: (program, run) => {
        program.description("Build, package and publish the kernels of the catalog.");
        addBareRun(program, run, () => undefined, examples);
        addBuild(program, run, repository);
        addReproduce(program, run, repository);
        addPublish(program, run, repository);
        addPush(program, run, repository);
        addCheck(program, run, repository);
        addWithdraw(program, run, repository);
        addRemove(program, run, repository);
        addSupport(program, run, repository);
        addPack(program, run, repository);
        addCheckCatalog(program, run, repository);
        addCheckKeys(program, run, repository);
        addOutdated(program, run, repository);
        addSums(program, run, repository);
        addGroup(program, "catalog", "sign the catalog, so that hosts take it", [
          [
            "sign",
            (group) => {
              addCatalogSign(group, run, repository);
            },
          ],
        ]);
        addGroup(program, "trust", "make and renew what hosts verify the catalog by", [
          [
            "init sign rotate renew check-root key-id status",
            (group) => {
              addTrust(group, run, repository);
            },
          ],
        ]);
        addHelp(program);
        program.allowExcessArguments();
      },
    },
    argv,
  );
  return session.run();
}

const examples = `Examples:
  scripts/make-generic-kernel.sh --line 6.12
  banger kernel import generic-6.12 --from build/manual/generic-kernel --distro generic --arch x86_64
  scripts/publish-kernel.sh generic-6.12 --description "Generic Firecracker kernel 6.12"`;
