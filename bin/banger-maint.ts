import path from "node:path";
import project from "../package.json" with { type: "json" };
import { maintain } from "../src/cli/maint/main.ts";
import { repositoryAt } from "../src/cli/maint/repository.ts";
import { commandLine, exit, setUmask } from "../src/io/process.ts";

/** The maintainer's commands, run from a checkout: see docs/kernel-catalog.md. */
setUmask();
const root = path.join(import.meta.dirname, "..");
exit(await maintain(commandLine(), repositoryAt(root, project.version)));
