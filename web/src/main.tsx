// Where the page starts: it finds its root and renders the shell; nothing else lives here.
import { render } from "preact";
import "./ui/base.css";
import "./ui/parts.css";
import "./screens/terrarium.css";
import { admit, start } from "./ui/app";
import { listen } from "./ui/route";
import { Shell } from "./ui/shell";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  listen();
  render(<Shell />, root);
  void start();
  window.addEventListener("hashchange", admit);
}
