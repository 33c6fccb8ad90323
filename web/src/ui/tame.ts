// Markup as a tree of what may be shown: read from what the Markdown compiler wrote, by a list of what is allowed; no DOM lives here.

export interface Branch {
  tag: string;
  attributes: { [name: string]: string };
  inside: (Branch | string)[];
}

const TAGS = new Set(["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "input", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"]);
const VOID = new Set(["br", "hr", "input", "img"]);
const ALIGN = /^(left|right|center)$/;

/** A tag with its attributes, or text; a "<" that begins no tag is text. */
const TOKEN = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*\/?>|[^<]+|</gi;
const ATTRIBUTE = /([a-z-]+)(?:="([^"]*)")?/gi;
const ESCAPES: { [name: string]: string } = { amp: "&", lt: "<", gt: ">", quot: '"' };

function plain(text: string): string {
  return text.replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ESCAPES[name] ?? "");
}

function attributesOf(text: string): { [name: string]: string } {
  return Object.fromEntries([...text.matchAll(ATTRIBUTE)].map(([, name = "", value = ""]) => [name.toLowerCase(), plain(value)]));
}

/** The attributes that a tag may keep. Links go to http and https only, and say that they lead away. */
function kept(tag: string, all: { [name: string]: string }): { [name: string]: string } {
  const href = all["href"] ?? "";
  if (tag === "a" && /^https?:\/\//i.test(href)) return { href, title: href, rel: "noopener noreferrer nofollow", target: "_blank", class: "away" };
  if (tag === "input") return { type: "checkbox", disabled: "", ...("checked" in all ? { checked: "", "aria-label": "done" } : { "aria-label": "to do" }) };
  if (tag === "ol" && /^\d{1,9}$/.test(all["start"] ?? "")) return { start: all["start"] ?? "1" };
  if ((tag === "td" || tag === "th") && ALIGN.test(all["align"] ?? "")) return { align: all["align"] ?? "" };
  return {};
}

/** Reads markup into a tree. Whatever is not allowed leaves its text behind, a picture its description. */
export function tame(html: string): Branch {
  const root: Branch = { tag: "", attributes: {}, inside: [] };
  const open = [root];
  for (const [token, end, name, rest] of html.matchAll(TOKEN)) {
    const top = open.at(-1) as Branch;
    const tag = name?.toLowerCase();
    if (tag === undefined) top.inside.push(plain(token));
    else if (end) {
      const at = open.findLastIndex((branch) => branch.tag === tag);
      if (at > 0) open.length = at;
    } else if (TAGS.has(tag)) {
      const branch = { tag, attributes: kept(tag, attributesOf(rest ?? "")), inside: [] };
      top.inside.push(branch);
      if (!VOID.has(tag)) open.push(branch);
    } else if (tag === "img") top.inside.push(attributesOf(rest ?? "")["alt"] ?? "");
  }
  return root;
}
