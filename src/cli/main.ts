import { Command, CommanderError } from "commander";
import { parseCatalog, type Catalog } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import { loadCatalog } from "../io/catalog-file.ts";
import { readEnvironment, readVariables } from "../io/environment.ts";
import { abortOnSignals } from "../io/signals.ts";
import { ReaderGone, writeTo } from "../io/terminal.ts";
import type { Context } from "../ops/context.ts";
import { errorDocument, type Run } from "./app.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addCompletion, complete } from "./commands/completion.ts";
import { addImage } from "./commands/image.ts";
import { addKernelImport } from "./commands/kernel-import.ts";
import { addKernelList } from "./commands/kernel-list.ts";
import { addKernelMove } from "./commands/kernel-move.ts";
import { addKernelPull } from "./commands/kernel-pull.ts";
import { addKernelRemove } from "./commands/kernel-remove.ts";
import { addKernelShow } from "./commands/kernel-show.ts";
import { addKernelVerify } from "./commands/kernel-verify.ts";
import { asFailure, explain, unknownCommand } from "./failures.ts";
import { Output, type OutputOptions } from "./output.ts";
import { ProgressLine } from "./progress.ts";

/** What was compiled into this executable. */
export interface Build {
  readonly version: string;
  /** Short git commit; `unknown` outside a checkout. */
  readonly commit: string;
  /** The document of catalog/catalog.json. */
  readonly catalog: unknown;
}

interface GlobalOptions {
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
  readonly color: boolean;
  readonly version?: true;
}

/**
 * Runs banger.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit code; everything has been written by then.
 */
export async function main(argv: readonly string[], build: Build): Promise<number> {
  const session = new Session(build, argv);
  try {
    if (argv[0] === "complete" && argv[1] === "--") {
      await complete(session.program, session.context(), argv.slice(2));
      return 0;
    }
    await session.program.parseAsync([...argv], { from: "user" });
    return session.exitCode;
  } catch (error) {
    return session.fail(error);
  }
}

class Session {
  readonly program: Command;
  exitCode = 0;
  readonly #build: Build;
  readonly #argv: readonly string[];

  constructor(build: Build, argv: readonly string[]) {
    this.#build = build;
    this.#argv = argv;
    this.program = this.#makeProgram();
  }

  /** The world as the commands see it; reads the environment. @throws {BangerError} `usage` */
  context(output: Output = this.#output(this.#globals())): Context {
    const environment = readEnvironment();
    let catalog: Catalog | undefined;
    return {
      environment,
      signal: abortOnSignals(),
      report: new ProgressLine(output).report,
      userAgent: `banger/${this.#build.version}`,
      catalog: () => {
        catalog ??=
          environment.catalogFile === undefined
            ? this.#embeddedCatalog()
            : loadCatalog(environment.catalogFile);
        return catalog;
      },
    };
  }

  /** Says what went wrong. @returns the exit code */
  fail(error: unknown): number {
    if (error instanceof ReaderGone) return 0;
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const output = this.#output(this.#globals());
    const failure = asFailure(error);
    try {
      output.error(failure.message, failure.hint);
      if (output.options.verbose) explain(failure, output);
      if (output.options.json) output.printJson({ error: errorDocument(failure) });
    } catch (again) {
      if (!(again instanceof ReaderGone)) return 1;
    }
    return failure.exitCode;
  }

  #makeProgram(): Command {
    const program = new Command("banger")
      .description("The kernel catalog for Firecracker microVMs.")
      .usage("[options] <command>")
      .option("--json", "print one JSON document on standard output")
      .option("-q, --quiet", "leave out progress and notes")
      .option("-v, --verbose", "tell more about errors")
      .option("--no-color", "no colours and no live progress")
      .option("-V, --version", "print version, commit and date of the catalog")
      .configureHelp({ showGlobalOptions: true })
      .configureOutput({
        writeOut: (text) => {
          writeTo("stdout", text);
        },
        writeErr: () => {
          // Errors are said once, by fail().
        },
      })
      .exitOverride()
      .helpCommand(false)
      .addHelpText("after", `\n${examples}`);
    program.action(
      this.#run((_app, names, options: GlobalOptions) => {
        if (options.version === true) return this.#version();
        if (names.length > 0) throw unknownCommand(program, names[0] ?? "");
        return { json: null, text: `${program.helpInformation()}\n${examples}` };
      }),
    );
    const kernel = this.#group(program, "kernel", "pull, list, verify and remove kernels");
    addKernelList(kernel, this.#run);
    addKernelPull(kernel, this.#run);
    addKernelShow(kernel, this.#run);
    addKernelVerify(kernel, this.#run);
    addKernelImport(kernel, this.#run);
    addKernelMove(kernel, this.#run);
    addKernelRemove(kernel, this.#run);
    const image = this.#group(program, "image", "join root filesystems with kernels");
    addImage(image, this.#run);
    addDoctor(program, this.#run);
    addCompletion(program, this.#run);
    addHelp(program);
    // Only now: a command that is added later would inherit it.
    for (const parent of [program, kernel, image]) parent.allowExcessArguments();
    return program;
  }

  /** A command that only has commands of its own. */
  #group(program: Command, name: string, summary: string): Command {
    const group = program
      .command(name)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .summary(summary);
    group.action(() => {
      const [word] = group.args;
      if (word !== undefined) throw unknownCommand(group, word);
      throw new BangerError("usage", `banger ${name} wants a command`, {
        hint: `see which there are: banger help ${name}`,
      });
    });
    return group;
  }

  readonly #run: Run = (work) => {
    const remember = (exitCode: number): void => {
      this.exitCode = exitCode;
    };
    const prepare = (globals: GlobalOptions): { context: Context; output: Output } => {
      const output = this.#output(globals);
      return { output, context: this.context(output) };
    };
    return async function run(this: Command): Promise<void> {
      const app = prepare(this.optsWithGlobals());
      const shown = await work(app, this.args, this.optsWithGlobals());
      if (app.output.options.json) app.output.printJson(shown.json);
      else app.output.print(shown.text);
      remember(shown.exitCode ?? 0);
    };
  };

  #output(globals: GlobalOptions): Output {
    const options: OutputOptions = {
      json: globals.json === true,
      quiet: globals.quiet === true,
      verbose: globals.verbose === true,
      color: globals.color,
    };
    return new Output(readVariables(), options);
  }

  /** The global flags as far as they can be told when the command line did not parse. */
  #globals(): GlobalOptions {
    const end = this.#argv.indexOf("--");
    const flags = new Set(end === -1 ? this.#argv : this.#argv.slice(0, end));
    return {
      ...(flags.has("--json") ? { json: true } : {}),
      ...(flags.has("-q") || flags.has("--quiet") ? { quiet: true } : {}),
      ...(flags.has("-v") || flags.has("--verbose") ? { verbose: true } : {}),
      color: !flags.has("--no-color"),
    };
  }

  #version(): { json: unknown; text: string } {
    const { version, commit } = this.#build;
    const { serial, updated } = this.#embeddedCatalog();
    return {
      json: { version, commit, catalog: { serial, updated } },
      text: `banger ${version} (${commit}), catalog ${serial} of ${updated.slice(0, 10)}`,
    };
  }

  #embeddedCatalog(): Catalog {
    return parseCatalog(this.#build.catalog, "within banger");
  }
}

/** `help`, also of a command within a group. */
function addHelp(program: Command): void {
  program
    .command("help")
    .summary("explain a command")
    .description("Explain banger, or one of its commands.")
    .argument("[command...]")
    .action((words: readonly string[]) => {
      let found = program;
      for (const word of words) {
        const next = found.commands.find(
          (command) => command.name() === word || command.aliases().includes(word),
        );
        if (next === undefined) throw unknownCommand(found, word);
        found = next;
      }
      found.outputHelp();
    });
}

const examples = `Examples:
  banger kernel list --available
  banger kernel pull generic-6.12
  banger image register --name myimg --rootfs rootfs.ext4 --kernel-ref generic-6.12
  banger image config myimg > vm.json && firecracker --no-api --config-file vm.json`;
