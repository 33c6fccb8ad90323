// That the words that are marked as changed are those that the diff package would mark, of which the page carries a part alone.
import { diffWordsWithSpace } from "diff";
import { expect, test } from "vitest";
import { words } from "../src/screens/words-diff";

const LINES = [
  "", " ", "let total = sum(items);", "let  total = sum(rows, 7);\r", "\tlet total\u00a0= sum(items) // naïve Größe", "// naive Größen × 2 ÷ ˇ",
  "déjà vu – 你好, мир 👩🏽‍🚀", "deja vu — 你们好, мир 👩‍🚀", "a\nb\r\nc\rd", "a\r\nb\nc\r\nd", "soft\u00adhyphen ˠẁǿṟḏ", "x".repeat(300),
];

test("every pair of lines is split into the same parts", () => {
  for (const before of LINES) for (const after of LINES) expect(words.diff(before, after), `${before} → ${after}`).toEqual(diffWordsWithSpace(before, after));
});
