// The rules that keep the page honest: no chance and no clock but in one file, no HTML from strings, small files.
import tseslint from "typescript-eslint";

const chance = "Nothing moves without an event: chance and the clock come from src/ui/edge.ts alone.";
const html = "Markup from strings goes through src/ui/markdown.ts alone.";

const banned = [
  { object: "Math", property: "random", message: chance },
  { object: "Date", property: "now", message: chance },
  { object: "performance", property: "now", message: chance },
  { object: "crypto", property: "getRandomValues", message: chance },
  { object: "crypto", property: "randomUUID", message: chance },
];

const syntax = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: chance },
  { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]", message: html },
  { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: html },
  { selector: "CallExpression[callee.object.name='document'][callee.property.name=/^write/]", message: html },
];

export default tseslint.config(
  { ignores: ["dist", "node_modules"] },
  ...tseslint.configs.recommended,
  {
    files: ["**/*.{ts,tsx,js,mjs}"],
    rules: {
      "no-restricted-properties": ["error", ...banned],
      "no-restricted-syntax": ["error", ...syntax],
      "no-eval": "error",
      "no-implied-eval": "error",
      "max-lines": ["error", 500],
      "max-lines-per-function": ["error", { max: 60, skipComments: true, skipBlankLines: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/no-explicit-any": "error",
      eqeqeq: "error",
    },
  },
  { files: ["src/ui/edge.ts"], rules: { "no-restricted-properties": "off", "no-restricted-syntax": "off" } },
  { files: ["test/**"], rules: { "max-lines-per-function": "off" } },
  // A server has a clock of its own, and so has what stands in for it.
  { files: ["test/standin.mjs"], rules: { "no-restricted-properties": "off" } },
  // They drive a real server and a real browser, where time does pass.
  { files: ["e2e/**"], rules: { "max-lines-per-function": "off", "no-restricted-properties": "off", "no-restricted-syntax": "off" } },
);
