import { escapeControls } from "../core/escape.ts";
import type { Environment } from "../io/environment.ts";
import { BangerError } from "../core/errors.ts";
import { columnsOf, isTerminal, ReaderGone, styled, writeTo } from "../io/terminal.ts";

/** Makes text stand out on a terminal; elsewhere the text stays as it is. */
export type Paint = typeof styled;

export interface OutputOptions {
  /** The program that speaks; errors begin with it. */
  readonly program: string;
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
  readonly paint: Paint;
  /** Columns of the terminal that standard output is; undefined when it is none. */
  readonly columns: number | undefined;
  /** Columns of the terminal that standard error is. */
  readonly errorColumns: number | undefined;
  /** Whether a person watches standard error, so that progress may be drawn. */
  readonly isLive: boolean;
  readonly #paintError: Paint;

  constructor(variables: Environment["variables"], options: OutputOptions) {
    this.options = options;
    const wanted = options.color && (variables["NO_COLOR"] ?? "") === "";
    this.paint = painter(wanted && isTerminal("stdout", variables));
    this.#paintError = painter(wanted && isTerminal("stderr", variables));
    this.columns = columnsOf("stdout");
    this.errorColumns = columnsOf("stderr");
    this.isLive = isTerminal("stderr", variables) && !options.quiet && wanted;
  }

  /** Prints data. @throws {ReaderGone} when nobody reads it any more */
  print(text: string): void {
    if (text !== "") writeTo("stdout", text.endsWith("\n") ? text : `${text}\n`);
  }

  /** Prints the one document of `--json`. */
  printJson(document: unknown): void {
    const text = JSON.stringify(document, undefined, 2);
    writeTo("stdout", `${text.replaceAll(hidden, asJsonEscapes)}\n`);
  }

  /** A line about what is going on; left out with `--quiet`. */
  note(text: string): void {
    if (!this.options.quiet) this.#say(text);
  }

  /** Something that the user should know even with `--quiet`. */
  warn(text: string): void {
    this.#say(`${this.#paintError("yellow", "warning:")} ${text}`);
  }

  /** An error and, on lines of its own, what to do about it. */
  error(message: string, hint: string | undefined): void {
    this.#say(
      `${this.options.program}: ${this.#paintError("red", "error:")} ${escapeControls(message)}`,
    );
    for (const line of hint?.split("\n") ?? []) {
      this.#say(`${this.#paintError("cyan", "hint:")} ${escapeControls(line)}`);
    }
  }

  /** Draws on the current line of standard error; the next note overwrites it. */
  draw(text: string): void {
    if (this.isLive) this.#tell(`\r\u001B[K${text}`);
  }

  #say(text: string): void {
    this.#tell(this.isLive ? `\r\u001B[K${text}\n` : `${text}\n`);
  }

  /** Whoever does not listen must not keep the work from being done, nor change how it ends. */
  #tell(text: string): void {
    try {
      writeTo("stderr", text);
    } catch (error) {
      if (!(error instanceof ReaderGone || error instanceof BangerError)) throw error;
    }
  }
}

function painter(colorful: boolean): Paint {
  return colorful ? styled : (_style, text) => text;
}

/** What JSON.stringify leaves as it is, and a terminal does not show as it is. */
const hidden = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

function asJsonEscapes(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
