import { Command, CommanderError } from "commander";
import type { Guests } from "../boot/guest-files.ts";
import { readEnvironment, readVariables } from "../io/environment.ts";
import { abortOnSignals } from "../io/signals.ts";
import { ReaderGone, writeTo } from "../io/terminal.ts";
import type { CatalogStanding, Embedded } from "../ops/catalog-standing.ts";
import type { Context } from "../ops/context.ts";
import { errorDocument, type Run, type Shown } from "./app.ts";
import { asFailure, explain, unknownCommand } from "./failures.ts";
import { filled } from "./group.ts";
import { Output, type OutputOptions } from "./output.ts";
import { ProgressLine } from "./progress.ts";

/** What one program is, as far as running a command line goes. */
export interface ProgramSettings {
  /** As it is typed; errors begin with it. */
  readonly name: string;
  /** How it introduces itself to servers. */
  readonly userAgent: string;
  /** The catalog and the root that came with it. */
  readonly embedded: Embedded;
  readonly guests: Guests;
  /** Adds the commands; each runs its work through `run`. */
  readonly addCommands: (program: Command, run: Run) => void;
}

interface GlobalOptions {
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
  readonly color: boolean;
}

/** One run of a program: its flags, its world, its exit code. */
export class Session {
  readonly program: Command;
  exitCode = 0;
  readonly #settings: ProgramSettings;
  readonly #argv: readonly string[];

  constructor(settings: ProgramSettings, argv: readonly string[]) {
    this.#settings = settings;
    this.#argv = argv;
    this.program = bareProgram(settings.name);
    settings.addCommands(this.program, this.#run);
  }

  /** Runs the command line. @returns the exit code; everything has been written by then */
  async run(): Promise<number> {
    try {
      await this.program.parseAsync([...this.#argv], { from: "user" });
      return this.exitCode;
    } catch (error) {
      return this.fail(error);
    }
  }

  /** The world as the commands see it; reads the environment. @throws {BangerError} `usage` */
  context(output: Output = this.#output(this.#globals())): Context {
    const environment = readEnvironment();
    const { embedded } = this.#settings;
    const scope = undefined;
    const { report } = new ProgressLine(output);
    let read: Promise<CatalogStanding> | undefined;
    const standing = (): Promise<CatalogStanding> => {
      read ??= standingOf({ environment, scope, embedded, report });
      return read;
    };
    return {
      environment,
      scope,
      embedded,
      signal: abortOnSignals(),
      report,
      userAgent: this.#settings.userAgent,
      guests: this.#settings.guests,
      standing,
      catalog: async () => (await standing()).catalog,
    };
  }

  /** Says what went wrong. @returns the exit code */
  fail(error: unknown): number {
    if (error instanceof ReaderGone) return 0;
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const output = this.#output(this.#globals());
    const failure = asFailure(error, this.#settings.name);
    try {
      output.error(failure.message, failure.hint);
      if (output.options.verbose) explain(failure, output);
      if (output.options.json) output.printJson({ error: errorDocument(failure) });
    } catch (again) {
      if (!(again instanceof ReaderGone)) return 1;
    }
    return failure.exitCode;
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
      program: this.#settings.name,
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
}

/** Many commands never ask, so what can tell is loaded only then. */
async function standingOf(
  context: Pick<Context, "environment" | "embedded" | "scope" | "report">,
): Promise<CatalogStanding> {
  const { standingInUse } = await import("../ops/catalog-standing.ts");
  return standingInUse(context);
}

/** What every command inherits; so it must be there before the first is added. */
function bareProgram(name: string): Command {
  return new Command(name)
    .usage("[options] <command>")
    .option("--json", "print one JSON document on standard output")
    .option("-q, --quiet", "leave out progress and notes")
    .option("-v, --verbose", "tell more about errors")
    .option("--no-color", "no colours and no live progress")
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
    .hook("preSubcommand", (program, command) => {
      filled(command, program.args[1]);
    })
    .helpCommand(false);
}

/** Lets `program` say what it is when no command is given, and what is wrong with a word that is none. */
export function addBareRun(
  program: Command,
  run: Run,
  shown: (options: { readonly version?: true }) => Shown | undefined,
  examples: string,
): void {
  program.addHelpText("after", `\n${examples}`);
  program.action(
    run((_app, names, options: { readonly version?: true }) => {
      const answer = shown(options);
      if (answer !== undefined) return answer;
      if (names.length > 0) throw unknownCommand(program, names[0] ?? "");
      return { json: null, text: `${program.helpInformation()}\n${examples}` };
    }),
  );
}

/** `help`, also of a command within a group. */
export function addHelp(program: Command): void {
  program
    .command("help")
    .summary("explain a command")
    .description(`Explain ${program.name()}, or one of its commands.`)
    .argument("[command...]")
    .action((words: readonly string[]) => {
      let found = program;
      for (const word of words) {
        const next = found.commands.find(
          (command) => command.name() === word || command.aliases().includes(word),
        );
        if (next === undefined) throw unknownCommand(found, word);
        found = filled(next);
      }
      found.outputHelp();
    });
}
