import { describe, expect, test } from "bun:test";
import { parseListing, rcloneFailure } from "../../src/core/rclone-answer.ts";
import { refusal } from "../support/tar-reading.ts";

describe("the listing of rclone", () => {
  test("has the objects and no folders", () => {
    const object = { Path: "a/b", Name: "b", Size: 5, IsDir: false };
    const folder = { Path: "a", Name: "a", Size: -1, IsDir: true };
    expect(parseListing(JSON.stringify([folder, object]), "it")).toEqual([object]);
  });

  test.each([
    ["nothing", "", "not JSON"],
    ["a part of it", '[{"Path":"a"', "not JSON"],
    ["words", "rclone v1.60", "not JSON"],
    ["another document", '{"Path":"a"}', "not as expected"],
  ])("is refused when it is %s", (_what, stdout, words) => {
    const message = refusal("failed", () => parseListing(stdout, "cannot look at it"));
    expect(message).toBe(`cannot look at it: the listing of rclone is ${words}`);
  });
});

test("of what rclone says in a line without an end, the beginning is told", () => {
  const failure = rcloneFailure("cannot look", `ERROR : ${"x".repeat(100_000)}`);
  expect(failure.code).toBe("network");
  expect(failure.message).toBe(`cannot look: ${"x".repeat(200)}…`);
});
