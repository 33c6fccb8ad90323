// That the tools of this folder work at all; what the page does is tested beside this.
import { expect, test } from "vitest";
import { chance } from "../src/ui/edge";

test("chance is a number from 0 up to 1", () => {
  const one = chance();
  expect(one).toBeGreaterThanOrEqual(0);
  expect(one).toBeLessThan(1);
});
