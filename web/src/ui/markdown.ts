// Markdown into nodes that can do no harm: the compiler's text never reaches the browser as markup, only allowed nodes are made.
import { micromark } from "micromark";
import { gfmAutolinkLiteral, gfmAutolinkLiteralHtml } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough, gfmStrikethroughHtml } from "micromark-extension-gfm-strikethrough";
import { gfmTable, gfmTableHtml } from "micromark-extension-gfm-table";
import { gfmTaskListItem, gfmTaskListItemHtml } from "micromark-extension-gfm-task-list-item";
import { tame, type Branch } from "./tame";

const LONGEST = 64 * 1024;

export function read(text: string): Branch {
  const html = micromark(text.slice(0, LONGEST), {
    extensions: [gfmAutolinkLiteral(), gfmStrikethrough(), gfmTable(), gfmTaskListItem()],
    htmlExtensions: [gfmAutolinkLiteralHtml(), gfmStrikethroughHtml(), gfmTableHtml(), gfmTaskListItemHtml()],
  });
  return tame(html);
}

/** Makes the nodes of a tree, without recursion: how deep lists are nested is up to who wrote them. */
export function render(text: string): DocumentFragment {
  const root = document.createDocumentFragment();
  const waiting: [Node, Branch][] = [[root, read(text)]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [node, branch] = next;
    for (const one of branch.inside) {
      if (typeof one === "string") node.appendChild(document.createTextNode(one));
      else {
        const element = document.createElement(one.tag);
        for (const [name, value] of Object.entries(one.attributes)) element.setAttribute(name, value);
        node.appendChild(element);
        waiting.push([element, one]);
      }
    }
  }
  return root;
}
