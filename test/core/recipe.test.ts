import { describe, expect, test } from "bun:test";
import { BangerError } from "../../src/core/errors.ts";
import { configurationOf, parseRecipe } from "../../src/core/recipe.ts";

const configuration = {
  pins: [{ name: "a.config", url: "https://example.com/a.config", sha256: "0".repeat(64) }],
  fragments: ["generic.config"],
};
const recipe = {
  version: 1,
  line: "6.12",
  architectures: { x86_64: configuration },
  unavailable: { A20: "only line 6.18 has it" },
  required: ["PRINTK"],
  forbidden: ["MODULES"],
  drift: { "renamed in 6.2": ["OLD_NAME"] },
};
const parse = (changes: object): unknown =>
  parseRecipe(JSON.stringify({ ...recipe, ...changes }), "6.12.json");

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof BangerError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a recipe", () => {
  test("is read whole", () => {
    expect(parse({})).toEqual(recipe);
  });

  test("has a configuration for some architectures", () => {
    const found = parseRecipe(JSON.stringify(recipe), "6.12.json");
    expect(configurationOf(found, "x86_64").fragments).toEqual(["generic.config"]);
    expect(refusal(() => configurationOf(found, "arm64"))).toStartWith("not-found: ");
  });

  test.each<[object, string]>([
    [{ version: 2 }, "version: must be 1"],
    [{ line: "6.12.1" }, "line: must be like 6.12"],
    [{ extra: 1 }, "extra"],
    [{ required: ["CONFIG-X"] }, "required.0: must be a symbol"],
    [{ unavailable: { A: "" } }, "unavailable.A: must tell the reason"],
    [{ architectures: { riscv: configuration } }, "riscv"],
    [{ architectures: { arm64: { ...configuration, pins: [] } } }, "pins: must name"],
    [{ architectures: { arm64: { ...configuration, fragments: ["../x"] } } }, "a file name"],
  ])("is refused with %j", (changes, fault) => {
    expect(refusal(() => parse(changes))).toStartWith("failed: cannot use the recipe 6.12.json: ");
    expect(refusal(() => parse(changes))).toContain(fault);
  });

  test("is refused when it is no JSON, or says something twice", () => {
    expect(refusal(() => parseRecipe("{", "a"))).toContain("it is not JSON");
    expect(refusal(() => parseRecipe('{"a":1,"a":2}', "a"))).toContain("stands twice");
  });
});

test.each(["__proto__", "constructor", "prototype"])(
  "a recipe that calls something %s is refused, not passed over",
  (name) => {
    const text = JSON.stringify(recipe).replace('"drift":{', `"drift":{"${name}":["A"],`);
    expect(refusal(() => parseRecipe(text, "6.12.json"))).toContain(`${name} cannot be the name`);
  },
);

test("a recipe with an endless key is refused in a message that ends", () => {
  const message = refusal(() => parse({ ["x".repeat(100_000)]: 1 }));
  expect(message.length).toBeLessThan(1000);
});
