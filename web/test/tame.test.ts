// That text which somebody wrote becomes no markup but what is allowed, whatever it says.
import { expect, test } from "vitest";
import { read } from "../src/ui/markdown";
import { tame, type Branch } from "../src/ui/tame";

const HOSTILE = [
  "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<iframe srcdoc='<script>alert(1)</script>'>", "[a](javascript:alert(1))",
  "[a](JaVaScRiPt:alert(1))", "[a](data:text/html,x)", "[a](vbscript:x)", "[a](//evil.example)", "![a](https://evil.example/x.png)", "<a href='javascript:x' onclick=x>b</a>",
  "[a](<javascript:alert(1)>)", "[a](&#106;avascript:alert(1))", "`<b onclick=x>`", "| a | <b> |\n|:-:|---|\n| `x` | [x](https://e.example/\"onmouseover=x) |",
  "<style>*{}</style>", "<base href=x>", "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>", "<!--><img src=x onerror=x>-->", "\u0000<script\u0000>",
  "- [x] done\n- [ ] open", "https://e.example/<script>", "&lt;script&gt;alert(1)&lt;/script&gt;", "&copy; &unknown; &amp;lt;", "a".repeat(99_999), "> ".repeat(3_000) + "deep", "- ".repeat(500) + "deep",
];

function all(root: Branch): Branch[] {
  const found: Branch[] = [];
  for (const waiting = [root]; waiting.length > 0; ) {
    const branch = waiting.pop() as Branch;
    found.push(branch);
    for (const one of branch.inside) if (typeof one !== "string") waiting.push(one);
  }
  return found.slice(1);
}

function textOf(branch: Branch): string {
  return branch.inside.map((one) => (typeof one === "string" ? one : textOf(one))).join("");
}

const NAMES = ["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "input", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"];

function check(root: Branch): void {
  for (const { tag, attributes } of all(root)) {
    expect(NAMES).toContain(tag);
    for (const [name, value] of Object.entries(attributes)) {
      expect(["href", "title", "rel", "target", "class", "type", "disabled", "checked", "start", "align", "aria-label"]).toContain(name);
      if (name === "href") expect(value).toMatch(/^https?:\/\//i);
    }
  }
}

test.each(HOSTILE.map((text) => [text.slice(0, 40), text]))("%s does no harm", (_, text) => {
  check(read(text));
  // What the compiler would write if it let everything through does none either.
  check(tame(text));
  check(tame(`<p>${text}</p>`));
});

test("what was written is there to be read", () => {
  expect(textOf(read("<script>alert(1)</script>"))).toContain("<script>alert(1)</script>");
  expect(textOf(read("&copy; &unknown; &amp;lt; &#106; a<b"))).toBe("© &unknown; &lt; j a<b");
  expect(textOf(read("![a *picture*](https://e.example/x.png)"))).toBe("a picture");
  const link = all(read("see https://e.example/?a=1&b=2 and [this](javascript:x)")).find(({ attributes }) => "href" in attributes);
  expect(link?.attributes).toMatchObject({ href: "https://e.example/?a=1&b=2", target: "_blank", rel: "noopener noreferrer nofollow" });
});

test("the forms of GitHub's Markdown are read", () => {
  const tags = (text: string) => all(read(text)).map(({ tag }) => tag);
  expect(tags("| a |\n|--:|\n| b |")).toEqual(expect.arrayContaining(["table", "thead", "th", "tbody", "td"]));
  expect(all(read("| a |\n|--:|\n| b |")).find(({ tag }) => tag === "td")?.attributes).toEqual({ align: "right" });
  expect(all(read("- [x] done\n- [ ] open")).filter(({ tag }) => tag === "input").map(({ attributes }) => ["checked" in attributes, attributes["aria-label"]]).sort()).toEqual([[false, "to do"], [true, "done"]]);
  expect(tags("~~no~~")).toEqual(["p", "del"]);
  expect(all(read("7. seven")).find(({ tag }) => tag === "ol")?.attributes).toEqual({ start: "7" });
});
