// Cuts GitHub's published OpenAPI description down to the paths that monkeytown uses, so that Prism starts in seconds:
// `node cut-openapi.mjs <folder of node_modules> <file to write>`. It prints what it kept.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const REPO = "/repos/{owner}/{repo}";
/** What monkeytown asks GitHub, and what its test kit answers. A path that GitHub no longer publishes is an error. */
const USED = {
  [REPO]: ["get"],
  [`${REPO}/pulls`]: ["get", "post"],
  [`${REPO}/pulls/comments`]: ["get"],
  [`${REPO}/pulls/{pull_number}`]: ["get", "patch"],
  [`${REPO}/pulls/{pull_number}/commits`]: ["get"],
  [`${REPO}/pulls/{pull_number}/files`]: ["get"],
  [`${REPO}/pulls/{pull_number}/merge`]: ["put"],
  [`${REPO}/pulls/{pull_number}/reviews`]: ["get", "post"],
  [`${REPO}/issues`]: ["get"],
  [`${REPO}/issues/comments`]: ["get"],
  [`${REPO}/issues/{issue_number}`]: ["get", "patch"],
  [`${REPO}/issues/{issue_number}/comments`]: ["get", "post"],
  [`${REPO}/issues/{issue_number}/labels`]: ["get", "post"],
  [`${REPO}/issues/{issue_number}/reactions`]: ["get", "post"],
  [`${REPO}/issues/{issue_number}/reactions/{reaction_id}`]: ["delete"],
  [`${REPO}/issues/comments/{comment_id}/reactions`]: ["get", "post"],
  [`${REPO}/issues/comments/{comment_id}/reactions/{reaction_id}`]: ["delete"],
  "/rate_limit": ["get"],
  "/user": ["get"],
};

const [modules, to] = process.argv.slice(2);
if (!modules || !to) {
  console.error("usage: cut-openapi.mjs <folder of node_modules> <file to write>");
  process.exit(2);
}
const source = createRequire(resolve(modules, "package.json")).resolve("@octokit/openapi/generated/api.github.com.json");
const whole = JSON.parse(readFileSync(source, "utf8"));

const paths = {};
for (const [path, methods] of Object.entries(USED)) {
  const { parameters, ...published } = whole.paths[path] ?? {};
  paths[path] = parameters ? { parameters } : {};
  for (const method of methods) {
    if (!published[method]) throw new Error(`GitHub publishes no ${method.toUpperCase()} ${path}; correct USED`);
    paths[path][method] = published[method];
  }
}

// GraphQL is no part of the description, and Prism lets nothing through that it does not know.
const object = { content: { "application/json": { schema: { type: "object" } } } };
paths["/graphql"] = {
  post: {
    operationId: "graphql",
    requestBody: { required: true, ...object },
    responses: { 200: { description: "What was asked, or errors", ...object } },
  },
};

/** The part of the description that a local reference names. */
const named = (reference) =>
  reference
    .slice(2)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((part, name) => part[name], whole);

// Everything that the kept paths refer to, and what that refers to.
const components = {};
const open = [paths];
const seen = new Set();
while (open.length > 0) {
  const part = open.pop();
  if (part === null || typeof part !== "object") continue;
  // Examples are not what an answer is held to, and one of them (`requested_teams[0].type` is missing) breaks its own
  // schema. Only the key of a media type or of a parameter is meant, not a property that is called so.
  if (part.schema) {
    delete part.example;
    delete part.examples;
  }
  if (typeof part.$ref === "string" && !seen.has(part.$ref)) {
    seen.add(part.$ref);
    const [, kind, name] = part.$ref.slice(2).split("/");
    components[kind] ??= {};
    components[kind][name] = named(part.$ref);
    open.push(components[kind][name]);
  }
  open.push(...Object.values(part));
}
delete components.examples;

const { openapi, info } = whole;
writeFileSync(to, JSON.stringify({ openapi, info, paths, components }));
const operations = Object.values(USED).flat().length;
console.log(`${operations} operations on ${Object.keys(paths).length} paths, ${seen.size} parts, of GitHub's ${info.version}`);
