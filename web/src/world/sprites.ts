// Bitmaps become canvases here and are kept; what is drawn when is not known here.

import type { Bitmap } from "./bitmap";
import { FOLK_HEIGHT, FOLK_WIDTH, lookOf, resident, type Pose } from "./folk";
import { glow } from "./glow";

/** Makes an empty canvas; the tests hand in one that only remembers what it was told. */
export type MakeCanvas = (width: number, height: number) => HTMLCanvasElement;

export class Sprites {
  private readonly of = new Map<Bitmap, HTMLCanvasElement>();
  private readonly named = new Map<string, HTMLCanvasElement>();

  constructor(private readonly make: MakeCanvas) {}

  /** The canvas of a bitmap that does not change any more. */
  show(bitmap: Bitmap): HTMLCanvasElement {
    let canvas = this.of.get(bitmap);
    if (!canvas) {
      canvas = this.draw(bitmap);
      this.of.set(bitmap, canvas);
    }
    return canvas;
  }

  /** The canvas of something that is painted on first use. */
  get(name: string, paint: () => Bitmap): HTMLCanvasElement {
    let canvas = this.named.get(name);
    if (!canvas) {
      canvas = this.draw(paint());
      this.named.set(name, canvas);
    }
    return canvas;
  }

  person(id: string, pose: Pose, facing: -1 | 1): HTMLCanvasElement {
    return this.get(`${id} ${pose} ${facing}`, () => {
      const bitmap = resident(lookOf(id), pose);
      return facing < 0 ? bitmap.mirrored() : bitmap;
    });
  }

  light(radius: number, colour: number): HTMLCanvasElement {
    return this.get(`light ${radius} ${colour}`, () => glow(radius, colour));
  }

  private draw(bitmap: Bitmap): HTMLCanvasElement {
    const canvas = this.make(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    if (context) {
      const image = context.createImageData(bitmap.width, bitmap.height);
      image.data.set(new Uint8ClampedArray(bitmap.data.buffer));
      context.putImageData(image, 0, 0);
    }
    return canvas;
  }
}

/** The face of a resident for a card, as a canvas of its own. */
export function portrait(id: string, make: MakeCanvas): HTMLCanvasElement {
  const canvas = make(FOLK_WIDTH, FOLK_HEIGHT);
  canvas.getContext("2d")?.drawImage(new Sprites(make).person(id, "stand", 1), 0, 0);
  return canvas;
}
