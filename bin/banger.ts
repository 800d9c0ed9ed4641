import catalog from "../catalog/catalog.json" with { type: "json" };
import releaseKeys from "../catalog/upstream-keys/fingerprints.json" with { type: "json" };
import arm64Initramfs from "../guest/arm64.cpio" with { type: "file" };
import arm64Disk from "../guest/arm64.ext4" with { type: "file" };
import x64Initramfs from "../guest/x86_64.cpio" with { type: "file" };
import x64Disk from "../guest/x86_64.ext4" with { type: "file" };
import project from "../package.json" with { type: "json" };
import { main } from "../src/cli/main.ts";
import { commandLine, exit, setUmask } from "../src/io/process.ts";

/** Put in by `make build`. */
declare const BANGER_COMMIT: string | undefined;

/** Put in by `make build TRUST_ROOT=FILE`. */
declare const BANGER_TRUST_ROOT: string | undefined;

const commit = typeof BANGER_COMMIT === "string" ? BANGER_COMMIT : "unknown";

const trustRoot = typeof BANGER_TRUST_ROOT === "string" ? BANGER_TRUST_ROOT : undefined;

const guests = {
  x86_64: { disk: x64Disk, initramfs: x64Initramfs },
  arm64: { disk: arm64Disk, initramfs: arm64Initramfs },
};

setUmask();
const build = { version: project.version, commit, catalog, releaseKeys, trustRoot, guests };
exit(await main(commandLine(), build));
