// Which words of a line changed: the search of the diff package over words and the spaces between them, and of that package no more.
import Diff from "diff/lib/diff/base.js";

/** A line break, a word in a script that descends from Latin, the space between two, or one character of anything else. */
const TOKEN = /\r?\n|[a-zA-Z0-9_\u{AD}\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2C6}\u{2C8}-\u{2D7}\u{2DE}-\u{2FF}\u{1E00}-\u{1EFF}]+|[^\S\n\r]+|[^]/gu;

class Words extends Diff<string, string> {
  override tokenize(text: string): string[] {
    return text.match(TOKEN) ?? [];
  }
}

export const words = new Words();
