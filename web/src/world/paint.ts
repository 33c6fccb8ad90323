// One frame of the world is drawn here, from the model and a moment alone; no text, no events, no input.

import { chance } from "./hash";
import { BRIDGE, HEIGHT, placeOf, riverHalf, riverX, WIDTH } from "./plan";
import { HEARTH, CHIMNEY, FLAG } from "./landmarks";
import { css, FOAM } from "./palette";
import { Light } from "./light";
import { STONES, type Scene, type Thing } from "./scene";
import { Sprites, type MakeCanvas } from "./sprites";
import { blossom, coins, crate, flag, FLAME, lantern, LANTERNS, note, paperBoat, sign, type Sign } from "./things";
import type { Crate, Lantern, Resident, Standing, WorldModel } from "./types";
import type { Pose } from "./folk";

/** What a frame is drawn from. */
export interface Frame {
  readonly model: WorldModel;
  /** The town's time: positions follow from it. */
  readonly now: number;
  /** The time of the picture, for flames and ripples: it stands still when nothing may move. */
  readonly tick: number;
  readonly still: boolean;
  readonly where: ReadonlyMap<string, Standing>;
  /** The id of the resident that is selected. */
  readonly selected: string | undefined;
}

/** How long a merged crate takes over the bridge and into the tree. */
const CROSSING = 6_000;

const SIGNS: Partial<Record<Standing["activity"], Sign>> = { asleep: "asleep", reading: "reading", thinking: "thinking", working: "working", halted: "halted" };

interface Moving {
  readonly foot: number;
  readonly draw: () => void;
}

export class Painter {
  readonly sprites: Sprites;
  private readonly light: Light;

  constructor(
    private readonly g: CanvasRenderingContext2D,
    private readonly scene: Scene,
    make: MakeCanvas,
  ) {
    this.sprites = new Sprites(make);
    this.light = new Light(scene, this.sprites, make(WIDTH, HEIGHT), make(WIDTH, HEIGHT));
  }

  frame(frame: Frame): void {
    const { g } = this;
    g.globalCompositeOperation = "source-over";
    g.globalAlpha = 1;
    g.drawImage(this.sprites.show(this.scene.ground), 0, 0);
    this.river(frame);
    const moving = this.moving(frame).sort((a, b) => a.foot - b.foot);
    let next = 0;
    for (const thing of this.scene.things) {
      while (next < moving.length && (moving[next] as Moving).foot < thing.foot) (moving[next++] as Moving).draw();
      g.drawImage(this.sprites.show(thing.bitmap), thing.x, thing.y);
      this.dress(thing, frame);
    }
    while (next < moving.length) (moving[next++] as Moving).draw();
    this.smoke(frame);
    this.light.draw(g, frame);
    this.flames(frame);
    this.signs(frame);
  }

  /** The stream glints only while the journal moves, and carries away what was rejected. */
  private river({ model, tick, now }: Frame): void {
    const { g } = this;
    const flows = model.motes.some((mote) => mote.kind === "river");
    for (let i = 0; flows && i < 52; i += 1) {
      const y = Math.floor((chance(i, 31) * HEIGHT + tick * 0.007 * (1 + chance(i, 5))) % HEIGHT);
      if (y > BRIDGE.top - 10 && y < BRIDGE.bottom + 12) continue;
      const x = Math.round(riverX(y) + (chance(i, 32) - 0.5) * riverHalf(y) * 1.5);
      g.fillStyle = i % 3 ? "#9ad6ee" : css(FOAM);
      g.fillRect(x, y, 2 + (i % 3), 1);
    }
    const boat = this.sprites.get("boat", paperBoat);
    model.boats.forEach((one, i) => {
      const y = Math.round(212 + drift(now - one.at));
      const bob = flows ? Math.round(Math.sin(tick / 500 + i)) : 0;
      g.drawImage(boat, Math.round(riverX(y) - 8 + (chance(one.pull, 7) - 0.5) * 18), y - 12 + bob);
    });
  }

  private moving(frame: Frame): Moving[] {
    const { model, now, still } = frame;
    const list: Moving[] = model.residents.map((resident) => {
      const at = frame.where.get(resident.id) as Standing;
      return { foot: at.y, draw: () => this.person(frame, resident, at) };
    });
    for (const one of model.crates) if (still || now >= one.from) list.push({ foot: one.y, draw: () => this.crate(one) });
    for (const one of model.lanterns) {
      const gone = now - one.at;
      if (!still && gone >= 0 && gone < CROSSING) list.push(this.crossing(gone / CROSSING));
    }
    if (model.coins.count > 0) {
      const { x, y } = placeOf("bank");
      list.push({ foot: y + 3, draw: () => this.g.drawImage(this.sprites.get(`coins ${model.coins.count}`, () => coins(model.coins.count)), x - 40, y - 18) });
    }
    return list;
  }

  private crate(one: Crate): void {
    this.g.drawImage(this.sprites.get("crate", crate), one.x - 7, one.y - 12);
  }

  /** A merged crate slides over the bridge to the tree. */
  private crossing(t: number): Moving {
    const x = 412 + (placeOf("tree").x - 412) * t;
    const y = 188 - Math.max(0, t - 0.75) * 40;
    return { foot: y, draw: () => this.g.drawImage(this.sprites.get("crate", crate), Math.round(x) - 7, Math.round(y) - 12) };
  }

  private person(frame: Frame, resident: Resident, at: Standing): void {
    const { g } = this;
    const x = Math.round(at.x);
    const y = Math.round(at.y);
    g.globalAlpha = 0.36;
    g.fillStyle = "#14202a";
    g.fillRect(x - 6, y - 2, 12, 3);
    g.fillRect(x - 4, y - 3, 8, 5);
    g.globalAlpha = 1;
    if (resident.id === frame.selected) this.ring(x, y, frame.tick);
    const pose = poseOf(at, frame.tick);
    g.drawImage(this.sprites.person(resident.id, pose, at.moving ? at.facing : 1), x - 12, y - 27);
    if (at.carry) g.drawImage(this.sprites.get("crate", crate), x - 7, y - 14);
  }

  private ring(x: number, y: number, tick: number): void {
    this.g.fillStyle = "#ffd23f";
    for (let i = 0; i < 44; i += 1) {
      if ((i + Math.floor(tick / 90)) % 4 === 3) continue;
      const turn = (i / 44) * Math.PI * 2;
      this.g.fillRect(Math.round(x + Math.cos(turn) * 12) - 1, Math.round(y - 1 + Math.sin(turn) * 5), 2, 1);
    }
  }

  /** What is fastened to a thing because of events: notes, notches, a flag, lanterns, the fire in the hearth. */
  private dress(thing: Thing, frame: Frame): void {
    const { g } = this;
    const { model } = frame;
    if (thing.place === "board") {
      model.notes.forEach((_, i) => g.drawImage(this.sprites.get(`note ${i % 4}`, () => note(i)), thing.x + 6 + (i % 4) * 9, thing.y + 14 + Math.floor(i / 4) * 9));
    } else if (thing.place === "watch" && model.residents.length > 0) {
      const raised = model.motes.some((mote) => mote.kind === "flag");
      const wave = raised ? Math.floor(frame.tick / 160) % 8 : 0;
      g.drawImage(this.sprites.get(`flag ${raised} ${wave}`, () => flag(wave, raised)), thing.x + 22 + FLAG.x, thing.y + 1);
    } else if (thing.place === "tree") this.crown(frame);
    else if (thing.place === "workshop" && model.motes.some((mote) => mote.kind === "forge")) {
      g.fillStyle = Math.floor(frame.tick / 140) % 3 ? "#ff8a2a" : "#ffd23f";
      g.fillRect(placeOf("workshop").x + HEARTH.x, placeOf("workshop").y - 1 + HEARTH.y, HEARTH.width, HEARTH.height - 1);
    } else if (thing.stone !== undefined) this.notches(thing.stone, model.stones[thing.stone]?.length ?? 0);
  }

  /** One notch for a change, in two columns; more than eight do not fit a stone. */
  private notches(index: number, count: number): void {
    const [x, foot, colour] = STONES[index] ?? [0, 0, 0];
    this.g.fillStyle = css(colour);
    for (let i = 0; i < Math.min(8, count); i += 1) this.g.fillRect(x - 4 + (i & 1) * 5, foot - 15 + (i >> 1) * 3, 4, 1);
  }

  private crown({ model, now, still }: Frame): void {
    for (const one of model.blossoms) this.g.drawImage(this.sprites.get("blossom", blossom), one.x - 2, one.y - 2);
    for (const one of model.lanterns) if (still || now - one.at >= CROSSING) this.lantern(one);
  }

  private lantern(one: Lantern): void {
    const kind = one.pull % LANTERNS.length;
    const [colour, shine] = LANTERNS[kind] ?? [0xffb02e, 0xffe9a0];
    this.g.drawImage(this.sprites.get(`lantern ${kind}`, () => lantern(colour, shine)), one.x - 3, one.y - 4);
  }

  private smoke({ model, tick }: Frame): void {
    for (const mote of new Set(model.motes.map((one) => one.kind))) {
      if (mote === "smoke") this.puffs("workshop", CHIMNEY.workshop, "#f2f2f6", tick);
      else if (mote === "red-smoke") this.puffs("lab", CHIMNEY.lab, "#ff8577", tick);
      else if (mote === "green-smoke") this.puffs("lab", CHIMNEY.lab, "#9ff0b4", tick);
    }
  }

  private puffs(place: "workshop" | "lab", top: { readonly x: number; readonly y: number }, colour: string, tick: number): void {
    const { g } = this;
    const at = placeOf(place);
    g.fillStyle = colour;
    for (let i = 0; i < 6; i += 1) {
      const t = (tick / 3000 + i / 6) % 1;
      const r = 2 + Math.floor(t * 5);
      const x = Math.round(at.x + top.x + Math.sin(t * 5 + i) * 4 - r / 2 + t * 6);
      const y = Math.round(at.y + top.y - t * 30);
      g.globalAlpha = 0.6 * (1 - t);
      g.fillRect(x, y, r, r);
      g.fillRect(x - 1, y + 1, r + 2, Math.max(1, r - 2));
    }
    g.globalAlpha = 1;
  }

  /** The campfire and its sparks shine by themselves, so they are drawn over the light. */
  private flames({ model, tick }: Frame): void {
    const { g } = this;
    const burns = model.motes.some((mote) => mote.kind === "fire");
    for (let i = 0; burns && i < 26; i += 1) {
      const t = (tick / 720 + chance(i, 3)) % 1;
      const x = FLAME.x + (chance(i, 4) - 0.5) * 12 * (1 - t) + Math.sin(t * 7 + i) * 1.5;
      const size = t < 0.35 ? 3 : t < 0.7 ? 2 : 1;
      g.fillStyle = t < 0.25 ? "#fff3b0" : t < 0.5 ? "#ffd23f" : t < 0.78 ? "#ff8a2a" : "#d5452f";
      g.fillRect(Math.round(x), Math.round(FLAME.y - t * 19), size, size);
    }
    model.motes.filter((mote) => mote.kind === "spark").forEach((_, i) => {
      const t = (tick / 2600 + chance(i, 61)) % 1;
      g.fillStyle = t < 0.5 ? "#fff0a0" : "#ffab57";
      g.fillRect(Math.round(FLAME.x + (chance(i, 62) - 0.5) * 26 * t + Math.sin(t * 9 + i) * 3), Math.round(FLAME.y - 12 - t * 42), 1, 1);
    });
  }

  /** A sign above the head says what somebody does who stands. */
  private signs({ where, tick }: Frame): void {
    for (const at of where.values()) {
      const kind = at.moving ? undefined : SIGNS[at.activity];
      if (!kind) continue;
      const bob = Math.floor(tick / 600 + at.x) & 1;
      this.g.drawImage(this.sprites.get(`sign ${kind}`, () => sign(kind)), Math.round(at.x) + 5, Math.round(at.y) - 27 - bob);
    }
  }
}

function poseOf(at: Standing, tick: number): Pose {
  const step = Math.floor(tick / 150) & 1;
  if (!at.moving) return at.activity === "asleep" ? "sleep" : at.activity === "working" && Math.floor(tick / 400) & 1 ? "stepA" : "stand";
  if (at.carry) return step ? "carryB" : "carry";
  if (at.away) return step ? "backB" : "back";
  return step ? "stepA" : "stepB";
}

/** How far a paper boat is gone: fast at first, off the map after a day. */
function drift(gone: number): number {
  return (Math.log(1 + Math.max(0, gone) / 20_000) / Math.log(1 + 86_400 / 20)) * 140;
}
