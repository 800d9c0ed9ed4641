/** The maintainer's commands, run from a checkout: see docs/kernel-catalog.md. */
import { parseArgs } from "node:util";
import { isArch } from "../src/core/arch.ts";
import { BangerError } from "../src/core/errors.ts";
import { parseKernelName } from "../src/core/kernel-name.ts";
import { isKernelVersion, kernelLine } from "../src/core/kernel-version.ts";
import { now } from "../src/io/clock.ts";
import { commandLine, exit, setUmask } from "../src/io/process.ts";
import { writeTo } from "../src/io/terminal.ts";
import { checkCatalog, putEntry } from "../src/ops/catalog-edit.ts";
import { packBundle } from "../src/ops/pack-bundle.ts";

const usage = `Usage: scripts/banger-maint COMMAND [OPTION…]

  pack --from DIR --name NAME --distro D --arch x86_64|arm64 --kernel-version V --out DIR
       --description TEXT [--catalog FILE]
            pack a folder into a content-addressed tarball and name it in the catalog
  check-catalog [--catalog FILE] [--bundles DIR]
            hold the repository's own catalog, and the tarballs beside it, to every rule
`;

const defaultCatalog = "catalog/catalog.json";
const text = { type: "string" } as const;

async function pack(args: readonly string[]): Promise<string> {
  const values = readOptions(args, {
    from: text,
    name: text,
    distro: text,
    arch: text,
    "kernel-version": text,
    out: text,
    description: text,
    catalog: { type: "string", default: defaultCatalog },
  });
  const need = (option: string): string => {
    const value = values[option];
    if (value !== undefined) return value;
    throw new BangerError("usage", `pack wants --${option}`, { hint: usage });
  };
  const name = parseKernelName(need("name"));
  const [distro, arch, kernelVersion] = [need("distro"), need("arch"), need("kernel-version")];
  if (!isArch(arch)) {
    throw new BangerError("usage", `--arch is ${JSON.stringify(arch)}, expected x86_64 or arm64`);
  }
  if (!isKernelVersion(kernelVersion)) {
    throw new BangerError("usage", `${JSON.stringify(kernelVersion)} is not a kernel version`);
  }
  const wantedName = `${distro}-${kernelLine(kernelVersion)}`;
  if (name !== wantedName) {
    throw new BangerError("usage", `--name is ${name}, expected ${wantedName}`);
  }
  const [from, out, description] = [need("from"), need("out"), need("description")];
  const packed = await packBundle({ from, out, name, distro, arch, kernelVersion, description });
  const { change, serial } = putEntry(need("catalog"), packed.entry, now());
  const { size_bytes, unpacked_bytes } = packed.entry;
  return (
    `${packed.file}: ${size_bytes} bytes, ${unpacked_bytes} unpacked\n` +
    `${need("catalog")}: ${change === "none" ? "nothing changed" : `entry ${change}`}, serial ${serial}\n`
  );
}

async function check(args: readonly string[]): Promise<string> {
  const { catalog = "", bundles = "" } = readOptions(args, {
    catalog: { type: "string", default: defaultCatalog },
    bundles: { type: "string", default: "bundles" },
  });
  const found = await checkCatalog(catalog, bundles);
  return (
    `${catalog}: serial ${found.serial}, ${found.entries} of ${found.entries} entries follow every rule\n` +
    found.bundles.map((file) => `${bundles}/${file}: as the catalog says\n`).join("")
  );
}

type Options = Readonly<Record<string, { readonly type: "string"; readonly default?: string }>>;

function readOptions(
  args: readonly string[],
  options: Options,
): Record<string, string | undefined> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new BangerError("usage", error.message, { hint: usage, cause: error });
  }
}

async function run([command, ...args]: readonly string[]): Promise<string> {
  switch (command) {
    case "pack":
      return pack(args);
    case "check-catalog":
      return check(args);
    case "help":
    case "--help":
    case "-h":
      return usage;
    default:
      throw new BangerError("usage", `there is no command ${JSON.stringify(command ?? "")}`, {
        hint: usage,
      });
  }
}

setUmask();
try {
  writeTo("stdout", await run(commandLine()));
} catch (error) {
  if (!(error instanceof BangerError)) throw error;
  writeTo("stderr", `banger-maint: error: ${error.message}\n`);
  if (error.hint !== undefined) writeTo("stderr", `hint: ${error.hint}\n`);
  exit(error.exitCode);
}
