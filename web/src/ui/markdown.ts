// Markdown into nodes that can do no harm: the compiler's text never reaches the browser as markup, only allowed nodes are made.
import { micromark } from "micromark";
import { gfmAutolinkLiteral, gfmAutolinkLiteralHtml } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough, gfmStrikethroughHtml } from "micromark-extension-gfm-strikethrough";
import { gfmTable, gfmTableHtml } from "micromark-extension-gfm-table";
import { gfmTaskListItem, gfmTaskListItemHtml } from "micromark-extension-gfm-task-list-item";
import { splitInvisible } from "../fold/text";
import { tame, type Branch } from "./tame";

const LONGEST = 64 * 1024;

export function read(text: string): Branch {
  const html = micromark(text.slice(0, LONGEST), {
    extensions: [gfmAutolinkLiteral(), gfmStrikethrough(), gfmTable(), gfmTaskListItem()],
    htmlExtensions: [gfmAutolinkLiteralHtml(), gfmStrikethroughHtml(), gfmTableHtml(), gfmTaskListItemHtml()],
  });
  return tame(html);
}

/** Adds a text, in which what nobody could see is named. */
function say(node: Node, text: string): void {
  for (const part of splitInvisible(text)) {
    if (part.hidden) {
      const mark = Object.assign(document.createElement("span"), { className: "hidden-char", title: "an invisible character" });
      mark.append(part.text);
      node.appendChild(mark);
    } else node.appendChild(document.createTextNode(part.text));
  }
}

/** Makes the nodes of a tree, without recursion: how deep lists are nested is up to who wrote them. */
export function render(text: string): DocumentFragment {
  const root = document.createDocumentFragment();
  const waiting: [Node, Branch][] = [[root, read(text)]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [node, branch] = next;
    for (const one of branch.inside) {
      if (typeof one === "string") say(node, one);
      else {
        const element = document.createElement(one.tag);
        // Each paragraph runs the way its own script does.
        if (/^(p|li|h\d|t[dh])$/.test(one.tag)) element.dir = "auto";
        for (const [name, value] of Object.entries(one.attributes)) element.setAttribute(name, value);
        node.appendChild(element);
        waiting.push([element, one]);
      }
    }
  }
  return root;
}
