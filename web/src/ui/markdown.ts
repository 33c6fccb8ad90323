// Markdown into nodes that can do no harm: the only place where text becomes markup, and it never becomes a string in the page.
import DOMPurify from "dompurify";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";

const TAGS = ["a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "input", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"];

/** Links go to http and https only, and say that they lead away. Pictures are not loaded from anywhere. */
function mark(root: DocumentFragment): void {
  for (const box of root.querySelectorAll("input")) {
    box.type = "checkbox";
    box.disabled = true;
  }
  for (const anchor of root.querySelectorAll("a")) {
    const href = anchor.getAttribute("href") ?? "";
    if (!/^https?:\/\//i.test(href)) {
      anchor.removeAttribute("href");
      continue;
    }
    anchor.rel = "noopener noreferrer nofollow";
    anchor.target = "_blank";
    anchor.classList.add("away");
    anchor.title = href;
  }
}

export function render(text: string): DocumentFragment {
  const html = micromark(text.slice(0, 64 * 1024), { extensions: [gfm()], htmlExtensions: [gfmHtml()] });
  const clean = DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "checked", "type", "align", "start"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  mark(clean);
  return clean;
}
