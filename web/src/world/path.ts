// Ways over the tile map are found here, the same for everybody; who walks them and when is not known here.

import {
  BRIDGE, COLUMNS, inRiver, middle, onPlaza, PLACES, roadDistance, rounded, ROWS, segmentDistance, TILE, type Point,
} from "./plan";

/** What a step onto a tile costs; 0 is a tile that nobody can step on. */
let costs: Uint8Array | undefined;

function tileCosts(): Uint8Array {
  if (costs) return costs;
  const made = new Uint8Array(COLUMNS * ROWS);
  for (let ty = 0; ty < ROWS; ty += 1) {
    for (let tx = 0; tx < COLUMNS; tx += 1) made[ty * COLUMNS + tx] = costOf(middle(tx, ty));
  }
  costs = made;
  return made;
}

function costOf({ x, y }: Point): number {
  const bridge = y > BRIDGE.top && y < BRIDGE.bottom && x > BRIDGE.left - TILE;
  if (inRiver(x, y, 4) && !bridge) return 0;
  for (const p of PLACES) {
    if (p.half > 0 && Math.abs(x - p.x) < p.half + 4 && y < p.y + 3 && y > p.y - p.deep) return 0;
  }
  if (roadDistance(x, y) < 9 || onPlaza(x, y)) return 2;
  return 5;
}

/** The ways that were found already: they depend on nothing but their ends. */
const known = new Map<number, readonly Point[]>();

/** The way from one point to another along the roads, corners rounded, both ends included. */
export function way(from: Point, to: Point): readonly Point[] {
  const start = tileOf(from);
  const goal = tileOf(to);
  const key = start * COLUMNS * ROWS + goal;
  let tiles = known.get(key);
  if (!tiles) {
    tiles = straightened(search(start, goal)).map((tile) => middle(tile % COLUMNS, Math.floor(tile / COLUMNS)));
    known.set(key, tiles);
  }
  if (start === goal) return [from, to];
  return rounded([from, ...tiles.slice(1, -1), to]);
}

function tileOf({ x, y }: Point): number {
  const tx = Math.min(COLUMNS - 1, Math.max(0, Math.floor(x / TILE)));
  const ty = Math.min(ROWS - 1, Math.max(0, Math.floor(y / TILE)));
  return ty * COLUMNS + tx;
}

/** Dijkstra with whole numbers: ties go to the lower tile, so that the answer is one. */
function search(start: number, goal: number): number[] {
  const cost = tileCosts();
  const best = new Int32Array(COLUMNS * ROWS).fill(0x7fffffff);
  const before = new Int16Array(COLUMNS * ROWS).fill(-1);
  const done = new Uint8Array(COLUMNS * ROWS);
  best[start] = 0;
  for (;;) {
    let here = -1;
    for (let i = 0; i < best.length; i += 1) {
      if (!done[i] && best[i] !== 0x7fffffff && (here < 0 || (best[i] ?? 0) < (best[here] ?? 0))) here = i;
    }
    if (here < 0 || here === goal) break;
    done[here] = 1;
    for (const [next, length] of neighbours(here, goal, cost)) {
      const total = (best[here] ?? 0) + length * (cost[next] || 5);
      if (total < (best[next] ?? 0)) {
        best[next] = total;
        before[next] = here;
      }
    }
  }
  const tiles = [goal];
  for (let at = before[goal] ?? -1; at >= 0; at = before[at] ?? -1) tiles.push(at);
  // Where there is no way, the straight line is honest enough: nobody vanishes.
  return tiles[tiles.length - 1] === start ? tiles.reverse() : [start, goal];
}

function neighbours(tile: number, goal: number, cost: Uint8Array): [number, number][] {
  const x = tile % COLUMNS;
  const y = Math.floor(tile / COLUMNS);
  const free = (tx: number, ty: number): boolean =>
    tx >= 0 && ty >= 0 && tx < COLUMNS && ty < ROWS && ((cost[ty * COLUMNS + tx] ?? 0) > 0 || ty * COLUMNS + tx === goal);
  const found: [number, number][] = [];
  for (const [dx, dy] of [[0, -1], [-1, 0], [1, 0], [0, 1], [-1, -1], [1, -1], [-1, 1], [1, 1]] as const) {
    if (!free(x + dx, y + dy)) continue;
    if (dx && dy && !(free(x + dx, y) && free(x, y + dy))) continue;
    found.push([(y + dy) * COLUMNS + x + dx, dx && dy ? 7 : 5]);
  }
  return found;
}

/** Tiles between which one can walk straight on the same ground fall out, so that a road's bend stays and its steps go. */
function straightened(tiles: readonly number[]): number[] {
  const cost = tileCosts();
  const kept: number[] = [tiles[0] ?? 0];
  let i = 0;
  while (i + 1 < tiles.length) {
    let j = i + 1;
    while (j + 1 < tiles.length && j - i < 6 && clear(tiles[i] ?? 0, tiles[j + 1] ?? 0, cost, tiles.slice(i, j + 2))) j += 1;
    kept.push(tiles[j] ?? 0);
    i = j;
  }
  return kept;
}

function clear(a: number, b: number, cost: Uint8Array, between: readonly number[]): boolean {
  const from = middle(a % COLUMNS, Math.floor(a / COLUMNS));
  const to = middle(b % COLUMNS, Math.floor(b / COLUMNS));
  return between.every((tile) => {
    const at = middle(tile % COLUMNS, Math.floor(tile / COLUMNS));
    return cost[tile] === cost[a] && segmentDistance(at.x, at.y, from, to) < 7;
  });
}
