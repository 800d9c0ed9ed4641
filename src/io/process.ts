/** The arguments after the program's name. */
export function commandLine(): readonly string[] {
  return process.argv.slice(2);
}

/** Lets files and folders that banger makes be readable by all, whatever the shell's umask. */
export function setUmask(): void {
  process.umask(0o022);
}

/** Ends the process; nothing may be left to write. */
export function exit(exitCode: number): never {
  process.exit(exitCode);
}
