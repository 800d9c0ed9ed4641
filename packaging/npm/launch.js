#!/usr/bin/env node
// Runs the executable of this platform in place of itself. It comes in a package of its own, an optional dependency
// of this one, so that npm brings the right one alone and nothing has to run at installation.
"use strict";

const platform = `${process.platform}-${process.arch}`;
const scope = require("../package.json").name.split("/")[0];

function findExecutable() {
  if (platform !== "linux-x64" && platform !== "linux-arm64") {
    return fail(`there is no banger for ${platform}, only for linux-x64 and linux-arm64`);
  }
  const name = `${scope}/banger-${platform}`;
  try {
    return require.resolve(`${name}/bin/banger`);
  } catch {
    return fail(
      `the package ${name} is not installed`,
      "it is an optional dependency, which --omit=optional leaves out, and npm where there is no glibc",
      "a node_modules or lock file of another platform lacks it too: remove both, and install again",
    );
  }
}

function fail(message, ...hints) {
  const lines = [`banger: error: ${message}`, ...hints.map((hint) => `hint: ${hint}`)];
  process.stderr.write(`${lines.join("\n")}\n`);
  process.exit(1);
}

const executable = findExecutable();
const words = process.argv.slice(2);
// From Node 22.15 on there is exec: the same process, so signals and exit codes need nobody in between.
if (typeof process.execve === "function")
  process.execve(executable, ["banger", ...words], process.env);

const child = require("node:child_process").spawn(executable, words, {
  argv0: "banger",
  stdio: "inherit",
});
// A terminal sends these to all of the foreground, so also to the child, which must not hear them twice: the second
// one means "at once".
const ofTerminal = hasTerminal() ? ["SIGINT", "SIGQUIT", "SIGHUP"] : [];
for (const signal of ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"]) {
  process.on(signal, () => ofTerminal.includes(signal) || child.kill(signal));
}
child.on("error", (error) => fail(`cannot run ${executable}: ${error.message}`));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

function hasTerminal() {
  const { closeSync, openSync } = require("node:fs");
  try {
    closeSync(openSync("/dev/tty"));
    return true;
  } catch {
    return false;
  }
}
