import catalog from "../catalog/catalog.json" with { type: "json" };
import project from "../package.json" with { type: "json" };
import { main } from "../src/cli/main.ts";
import { commandLine, exit, setUmask } from "../src/io/process.ts";

/** Put in by `make build`. */
declare const BANGER_COMMIT: string | undefined;

const commit = typeof BANGER_COMMIT === "string" ? BANGER_COMMIT : "unknown";

setUmask();
exit(await main(commandLine(), { version: project.version, commit, catalog }));
