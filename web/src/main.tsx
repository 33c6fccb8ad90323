// Where the page starts: it finds its root and renders the shell; nothing else lives here.
import { render } from "preact";
import "./ui/base.css";

function Start() {
  return <p>The terrarium is being built.</p>;
}

const root = document.getElementById("app");
if (root) render(<Start />, root);
