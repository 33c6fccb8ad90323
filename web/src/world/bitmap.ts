// A rectangle of pixels and the strokes that fill it live here; no canvas, so that art can be tested without a browser.

import { tone, type Ramp } from "./palette";

/** A colour as ImageData keeps it: bytes red, green, blue, alpha on a little-endian machine. */
function packed(colour: number, alpha = 255): number {
  return ((alpha << 24) | ((colour & 255) << 16) | (colour & 0xff00) | (colour >> 16)) >>> 0;
}

export class Bitmap {
  readonly data: Uint32Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint32Array(width * height);
  }

  set(x: number, y: number, colour: number, alpha = 255): void {
    x |= 0;
    y |= 0;
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    this.data[y * this.width + x] = packed(colour, alpha);
  }

  filled(x: number, y: number): boolean {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return false;
    return (this.data[y * this.width + x] ?? 0) >>> 24 > 0;
  }

  rect(x: number, y: number, width: number, height: number, colour: number): this {
    for (let row = 0; row < height; row += 1) for (let i = 0; i < width; i += 1) this.set(x + i, y + row, colour);
    return this;
  }

  /** A filled box with a dark edge. */
  box(x: number, y: number, width: number, height: number, edge: number, colour: number): this {
    return this.rect(x, y, width, height, edge).rect(x + 1, y + 1, width - 2, height - 2, colour);
  }

  line(x0: number, y0: number, x1: number, y1: number, colour: number): this {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    for (let i = 0; i <= steps; i += 1) {
      this.set(Math.round(x0 + ((x1 - x0) * i) / steps), Math.round(y0 + ((y1 - y0) * i) / steps), colour);
    }
    return this;
  }

  /** An ellipse lit from the upper left: the shape that bushes, domes and stones are made of. */
  dome(cx: number, cy: number, rx: number, ry: number, ramp: Ramp, lift = 0): this {
    for (let y = Math.floor(cy - ry); y <= cy + ry; y += 1) {
      for (let x = Math.floor(cx - rx); x <= cx + rx; x += 1) {
        const u = (x - cx) / rx;
        const v = (y - cy) / ry;
        if (u * u + v * v > 1) continue;
        this.set(x, y, tone(ramp, 0.55 - u * 0.28 - v * 0.42 + lift, x, y, 0.9));
      }
    }
    return this;
  }

  /** Letters stand for colours, a point leaves what is there. */
  rows(x: number, y: number, rows: readonly string[], colours: Record<string, number>): this {
    rows.forEach((row, j) => {
      for (let i = 0; i < row.length; i += 1) {
        const colour = colours[row.charAt(i)];
        if (colour !== undefined) this.set(x + i, y + j, colour);
      }
    });
    return this;
  }

  stamp(other: Bitmap, x: number, y: number): this {
    for (let j = 0; j < other.height; j += 1) {
      for (let i = 0; i < other.width; i += 1) {
        const value = other.data[j * other.width + i] ?? 0;
        const px = x + i;
        const py = y + j;
        if (value >>> 24 && px >= 0 && py >= 0 && px < this.width && py < this.height) this.data[py * this.width + px] = value;
      }
    }
    return this;
  }

  /** A dark rim around everything painted: it is what holds the style together. */
  outline(colour: number): this {
    const edge: number[] = [];
    for (let y = 0; y < this.height; y += 1) {
      for (let x = 0; x < this.width; x += 1) {
        if (this.filled(x, y)) continue;
        if (this.filled(x - 1, y) || this.filled(x + 1, y) || this.filled(x, y - 1) || this.filled(x, y + 1)) edge.push(x, y);
      }
    }
    for (let i = 0; i < edge.length; i += 2) this.set(edge[i] ?? 0, edge[i + 1] ?? 0, colour);
    return this;
  }

  mirrored(): Bitmap {
    const copy = new Bitmap(this.width, this.height);
    for (let y = 0; y < this.height; y += 1) {
      for (let x = 0; x < this.width; x += 1) {
        copy.data[y * this.width + (this.width - 1 - x)] = this.data[y * this.width + x] ?? 0;
      }
    }
    return copy;
  }
}
