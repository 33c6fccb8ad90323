// That the art is a function of the seed, that an empty town is a still picture, and that keys and frames find their way.
import { expect, test } from "vitest";
import { emptyTown } from "../../src/fold/state";
import { Bitmap } from "../../src/world/bitmap";
import { lookOf, resident } from "../../src/world/folk";
import { seedOf } from "../../src/world/hash";
import { worldModel } from "../../src/world/model";
import { Painter, type Frame } from "../../src/world/paint";
import { way } from "../../src/world/path";
import { HEIGHT, PLAZA, WIDTH, placeOf, type Point } from "../../src/world/plan";
import { Scene } from "../../src/world/scene";
import { ambient, darkness } from "../../src/world/sky";
import { ROOMY, nearest, scaleFor, startOn, viewOn } from "../../src/world/view";
import { standing } from "../../src/world/walk";
import { live, START } from "./town";

function built(seed: number): Scene {
  const scene = new Scene(seed);
  const work = scene.build();
  while (!work.next().done) continue;
  return scene;
}

function sum(bitmap: Bitmap): number {
  return bitmap.data.reduce((total, value) => (Math.imul(total, 31) + value) >>> 0, 7);
}

/** A canvas that remembers what it was told, so that a frame can be compared with a frame. */
function recorder(): { readonly told: string[]; readonly make: (width: number, height: number) => HTMLCanvasElement } {
  const told: string[] = [];
  let made = 0;
  const make = (width: number, height: number): HTMLCanvasElement => {
    made += 1;
    const canvas = { name: `canvas ${made}`, width, height, getContext: () => context } as unknown as HTMLCanvasElement;
    const base = {
      createImageData: (w: number, h: number) => ({ data: new Uint8ClampedArray(w * h * 4) }),
      putImageData: () => undefined,
    };
    const context = new Proxy(base as Record<string, unknown>, {
      get: (target, key) => target[key as string] ?? ((...args: unknown[]) => told.push(`${String(key)} ${args.map((arg) => (arg as { name?: string }).name ?? String(arg)).join()}`)),
      set: (target, key, value) => {
        if (key === "fillStyle" || key === "globalAlpha") told.push(`${String(key)} ${String(value)}`);
        return Reflect.set(target, key, value);
      },
    });
    return canvas;
  };
  return { told, make };
}

function frameOf(model: Frame["model"], now: number, tick: number): Frame {
  return { model, now, tick, still: false, selected: undefined, where: new Map(model.residents.map((one) => [one.id, standing(one, now)])) };
}

const scene = built(seedOf("town"));

test("the same seed paints the same town, another seed another one", () => {
  const again = built(seedOf("town"));
  expect(sum(again.ground)).toBe(sum(scene.ground));
  expect(again.things.map((thing) => [thing.x, thing.y, sum(thing.bitmap)])).toEqual(scene.things.map((thing) => [thing.x, thing.y, sum(thing.bitmap)]));
  expect(sum(built(seedOf("other")).ground)).not.toBe(sum(scene.ground));
});

test("what is built stays as it is, and is not built again", () => {
  const [before, things] = [sum(scene.ground), [...scene.things]];
  expect(things.length).toBeGreaterThan(50);
  expect(scene.build().next().done).toBe(true);
  expect(sum(scene.ground)).toBe(before);
  expect(scene.things).toEqual(things);
});

test("the picture of an empty journal is the same picture a minute later", () => {
  const model = worldModel({ town: emptyTown(), now: START, seed: 1 });
  const { told, make } = recorder();
  const canvas = make(WIDTH, HEIGHT);
  const painter = new Painter(canvas.getContext("2d") as CanvasRenderingContext2D, scene, make);
  painter.frame(frameOf(model, START, 0));
  told.length = 0;
  painter.frame(frameOf(model, START, 100));
  const first = told.splice(0);
  expect(first.length).toBeGreaterThan(50);
  for (let tick = 137; tick < 60_000; tick += 977) {
    painter.frame(frameOf(model, START, tick));
    expect(told.splice(0)).toEqual(first);
  }
});

test("the picture of a town that lives does move", () => {
  const { events, states } = live(1, 60);
  const town = states[59] ?? emptyTown();
  const now = Date.parse(events[59]?.time ?? "");
  const model = worldModel({ town, recent: events, now, seed: 1 });
  const { told, make } = recorder();
  const painter = new Painter(make(WIDTH, HEIGHT).getContext("2d") as CanvasRenderingContext2D, scene, make);
  painter.frame(frameOf(model, now, 0));
  const first = told.splice(0);
  painter.frame(frameOf(model, now, 5000));
  expect(told).not.toEqual(first);
});

test("residents differ by outline, and whoever has no name in the design gets a look of its own", () => {
  const shapes = ["founderai", "chaosarchitect", "simianresearcher", "primatedesigner", "bananaeconomist", "junglesecurity", "chaostester", "madchimp", "monkeybuilder"].map((id) => {
    const bitmap = resident(lookOf(id), "stand");
    return bitmap.data.reduce((total, value) => (Math.imul(total, 33) + (value >>> 24 ? 1 : 2)) >>> 0, 7);
  });
  expect(new Set(shapes).size).toBe(9);
  expect(sum(resident(lookOf("somebody"), "stand"))).toBe(sum(resident(lookOf("somebody"), "stand")));
  expect(sum(resident(lookOf("somebody"), "stand"))).not.toBe(sum(resident(lookOf("somebody-else"), "stand")));
});

test("the light follows the hour", () => {
  expect(ambient(0)).toBe(0x4a58a8);
  expect(ambient(12)).toBe(0xffffff);
  expect(darkness(12)).toBe(0);
  expect(darkness(23)).toBe(1);
  expect(darkness(19.5)).toBeGreaterThan(0.3);
});

test("ways have both ends and are the same each time", () => {
  const [from, to] = [{ x: 60, y: 120 }, { x: 370, y: 184 }];
  const found = way(from, to);
  expect(found[0]).toEqual(from);
  expect(found[found.length - 1]).toEqual(to);
  expect(way(from, to)).toEqual(found);
});

test("a pixel of the world is a whole number of device pixels, and the map never leaves a margin that it could fill", () => {
  for (const ratio of [1, 1.5, 2, 3]) {
    for (const [width, height] of [[390, 420], [1040, 650], [1500, 800], [2400, 1300], [320, 300]] as const) {
      const scale = scaleFor(width, height, ratio);
      expect(Math.abs(scale * ratio - Math.round(scale * ratio))).toBeLessThan(1e-9);
      const view = viewOn({ x: 500, y: 20 }, width, height, scale);
      if (WIDTH * scale >= width) expect(view.left <= 0 && view.left + WIDTH * scale >= width - 1).toBe(true);
      if (HEIGHT * scale >= height) expect(view.top <= 0 && view.top + HEIGHT * scale >= height - 1).toBe(true);
    }
  }
});

test("a frame with little height still shows the names: the map is larger than it, and dragged", () => {
  for (const ratio of [1, 1.25, 1.5, 2, 3]) {
    for (const [width, height] of [[980, 496], [1056, 426], [980, 300], [900, 220]] as const) expect(scaleFor(width, height, ratio), `${width}×${height} at ${ratio}`).toBeGreaterThanOrEqual(ROOMY);
  }
  expect(scaleFor(980, 496, 1)).toBe(2);
  expect(scaleFor(1400, 700, 1)).toBe(2);
});

test("a map that nobody moved shows the main tree and the gate, and the fire where there is room for it as well", () => {
  for (const [width, height] of [[980, 576], [980, 496], [1056, 426], [724, 500], [390, 436], [390, 256], [640, 220]] as const) {
    for (const ratio of [2, 3]) {
      const scale = scaleFor(width, height, ratio);
      const view = viewOn(startOn(width, scale), width, height, scale);
      const shows = ({ x, y }: Point) => x * scale + view.left > 0 && x * scale + view.left < width && y * scale + view.top > 0 && y * scale + view.top < height;
      for (const place of ["tree", "gate"] as const) expect(shows(placeOf(place)), `the ${place} at ${width}×${height}`).toBe(true);
      expect(shows(placeOf("fire")), `the fire at ${width}×${height}`).toBe(width > 390);
      // Of the clearing, on a telephone too, those who sit at its edge.
      expect(shows({ x: PLAZA.x + PLAZA.rx - 1, y: PLAZA.y }), `the clearing at ${width}×${height}`).toBe(true);
    }
  }
});

test("an arrow key goes to the nearest in that direction and nowhere where there is none", () => {
  const targets = [{ id: "near", x: 20, y: 2 }, { id: "far", x: 90, y: 0 }, { id: "below", x: 1, y: 40 }];
  expect(nearest({ x: 0, y: 0 }, "ArrowRight", targets)?.id).toBe("near");
  expect(nearest({ x: 0, y: 0 }, "ArrowDown", targets)?.id).toBe("below");
  expect(nearest({ x: 0, y: 0 }, "ArrowLeft", targets)).toBeUndefined();
  expect(nearest({ x: 0, y: 0 }, "Enter", targets)).toBeUndefined();
});
