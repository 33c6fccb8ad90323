// Everything that paints the map, in one piece that the page fetches after it has shown its words; nothing is painted here.
export { Painter } from "./paint";
export { Scene } from "./scene";
