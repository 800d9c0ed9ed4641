import type { Command } from "commander";
import { isOffered } from "../../core/catalog.ts";
import { BangerError } from "../../core/errors.ts";
import { qualifiedName } from "../../core/kernel-name.ts";
import type { Context } from "../../ops/context.ts";
import type { Run } from "../app.ts";
import { filled } from "../group.ts";

const shells = ["bash", "zsh", "fish"];

/** `completion`. */
export function addCompletion(program: Command, run: Run): void {
  program
    .command("completion")
    .summary("print the completion script of a shell")
    .description("Print a script that teaches a shell to complete banger's commands and names.")
    .argument("<shell>", shells.join(", "))
    .addHelpText(
      "after",
      "\nFor bash: banger completion bash > ~/.local/share/bash-completion/completions/banger",
    )
    .action(
      run(async (_app, names) => {
        const [shell = ""] = names;
        if (!shells.includes(shell)) {
          throw new BangerError("usage", `there is no completion for ${JSON.stringify(shell)}`, {
            hint: `the shells are ${shells.join(", ")}`,
          });
        }
        const text = shell === "bash" ? bashScript : await scriptOf(shell);
        return { json: { shell, script: text }, text };
      }),
    );
}

/** Answers a shell: `banger complete -- WORDS`. */
export async function complete(
  program: Command,
  context: Context,
  words: readonly string[],
): Promise<void> {
  const { default: root } = await import("@bomb.sh/tab");
  const { default: teach } = await import("@bomb.sh/tab/commander");
  const { ImageStore } = await import("../../store/images.ts");
  const { allScopes } = await import("../../ops/catalog-scope.ts");
  const { KernelStore } = await import("../../store/kernel-store.ts");
  const { environment } = context;
  for (const command of program.commands) filled(command);
  // The library adds commands of its own: not under a name that banger has, and not to be offered.
  teach(program, { completionCommandName: "completion-script" });
  root.commands.delete("completion-script");
  const scopes = allScopes(context);
  const catalogs = await Promise.all(scopes.map((scope) => scope.catalog()));
  const available = (): string[] =>
    scopes.flatMap(({ scope }, index) =>
      (catalogs[index]?.entries ?? [])
        .filter(isOffered)
        .map((entry) => qualifiedName(scope?.name, entry.name)),
    );
  const installed = (): string[] =>
    scopes.flatMap(({ scope }) =>
      KernelStore.open(environment, "read", scope?.name)
        .list()
        .map((kernel) => kernel.label),
    );
  const added = (): string[] => scopes.flatMap(({ scope }) => scope?.name ?? []);
  const images = (): string[] =>
    ImageStore.open(environment, "read")
      .list()
      .map((image) => image.name);
  for (const [path, command] of root.commands) {
    const names =
      path === "kernel pull"
        ? available
        : path.startsWith("kernel ") && path !== "kernel import"
          ? installed
          : path.startsWith("image ")
            ? images
            : path.startsWith("catalog ") && path !== "catalog add"
              ? added
              : undefined;
    for (const [word, argument] of command.arguments) {
      if (names === undefined || !nameArguments.has(word)) continue;
      argument.handler = (offer) => {
        for (const name of namesOrNone(names)) offer(name, "");
      };
    }
    const reference = command.options.get("kernel-ref");
    if (reference !== undefined) {
      reference.handler = (offer) => {
        for (const name of namesOrNone(installed)) offer(name, "");
      };
    }
    const wanted = command.options.get("entries");
    if (wanted !== undefined) {
      wanted.handler = (offer) => {
        for (const name of namesOrNone(available)) offer(name, "");
      };
    }
  }
  root.parse([...words]);
}

/** Arguments that are the name of something, or may be. */
const nameArguments: ReadonlySet<string> = new Set(["name", "name|file", "a", "b"]);

/** A shell that completes must never see an error. */
function namesOrNone(names: () => string[]): string[] {
  try {
    return [...new Set(names())];
  } catch (error) {
    if (error instanceof BangerError) return [];
    throw error;
  }
}

async function scriptOf(shell: string): Promise<string> {
  const { script } = await import("@bomb.sh/tab");
  return captured(() => {
    script(shell, "banger", "banger");
  });
}

/**
 * The library's script for bash needs the package bash-completion, complains when it is sourced
 * twice, and evaluates the line that is being typed. This one does none of that, and falls back to
 * file names.
 */
const bashScript = `# bash completion for banger
_banger() {
    local line=\${COMP_LINE:0:COMP_POINT} current=\${COMP_WORDS[COMP_CWORD]} typed before answer
    local -a words answers
    read -ra words <<< "$line"
    if [[ $line == *[[:blank:]] ]]; then words+=(""); fi
    typed=\${words[\${#words[@]} - 1]}
    # bash breaks words at these: it wants only what comes after the last one.
    if [[ $current == [:=@] ]]; then current=; fi
    before=\${typed%"$current"}
    mapfile -t answers < <(banger complete -- "\${words[@]:1}" 2> /dev/null)
    COMPREPLY=()
    for answer in "\${answers[@]}"; do
        answer=\${answer%%$'\\t'*}
        # A line that begins with a colon tells the shell what else to do.
        if [[ $answer != :* && $answer == "$typed"* ]]; then
            COMPREPLY+=("\${answer#"$before"}")
        fi
    done
}
complete -o default -F _banger banger`;

/** What `work` prints through the console: the library knows no other way out. */
function captured(work: () => void): string {
  const lines: string[] = [];
  const log = console.log;
  console.log = (...words: unknown[]): void => {
    lines.push(words.join(" "));
  };
  try {
    work();
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}
