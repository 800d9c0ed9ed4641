import picocolors from "picocolors";
import { escapeControls } from "../core/escape.ts";
import type { Environment } from "../io/environment.ts";
import { columnsOf, isTerminal, writeTo } from "../io/terminal.ts";

export type Colors = ReturnType<typeof picocolors.createColors>;

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

/**
 * Where words go. Data is on standard output; everything else, progress, notes and errors, is on
 * standard error. With `--json` standard output is exactly one document.
 */
export class Output {
  readonly options: OutputOptions;
  /** For standard output. */
  readonly colors: Colors;
  /** Columns of the terminal that standard output is; undefined when it is none. */
  readonly columns: number | undefined;
  /** Whether a person watches standard error, so that progress may be drawn. */
  readonly isLive: boolean;
  readonly #errorColors: Colors;

  constructor(variables: Environment["variables"], options: OutputOptions) {
    this.options = options;
    const wanted = options.color && (variables["NO_COLOR"] ?? "") === "";
    this.colors = picocolors.createColors(wanted && isTerminal("stdout", variables));
    this.#errorColors = picocolors.createColors(wanted && isTerminal("stderr", variables));
    this.columns = columnsOf("stdout");
    this.isLive = isTerminal("stderr", variables) && !options.quiet && wanted;
  }

  /** Prints data. @throws {ReaderGone} when nobody reads it any more */
  print(text: string): void {
    if (text !== "") writeTo("stdout", text.endsWith("\n") ? text : `${text}\n`);
  }

  /** Prints the one document of `--json`. */
  printJson(document: unknown): void {
    writeTo("stdout", `${JSON.stringify(document, undefined, 2)}\n`);
  }

  /** A line about what is going on; left out with `--quiet`. */
  note(text: string): void {
    if (!this.options.quiet) this.#say(text);
  }

  /** Something that the user should know even with `--quiet`. */
  warn(text: string): void {
    this.#say(`${this.#errorColors.yellow("warning:")} ${text}`);
  }

  /** An error and, on lines of its own, what to do about it. */
  error(message: string, hint: string | undefined): void {
    this.#say(`banger: ${this.#errorColors.red("error:")} ${escapeControls(message)}`);
    for (const line of hint?.split("\n") ?? []) {
      this.#say(`${this.#errorColors.cyan("hint:")} ${escapeControls(line)}`);
    }
  }

  /** Draws on the current line of standard error; the next note overwrites it. */
  draw(text: string): void {
    if (this.isLive) writeTo("stderr", `\r\u001B[K${text}`);
  }

  #say(text: string): void {
    writeTo("stderr", this.isLive ? `\r\u001B[K${text}\n` : `${text}\n`);
  }
}
