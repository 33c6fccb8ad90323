// A display that the test refreshes: the page's clock stands still, and goes on from frame to frame; what is painted is counted.
import type { Page } from "playwright-core";

interface Held {
  hold(): Promise<void>;
  hide(on: boolean): void;
  /** Runs so many frames, so many milliseconds apart: how often the map was painted, and how many callbacks ran. */
  refresh(count: number, ms: number): Promise<[painted: number, ran: number]>;
}

/** Stands in the page, before anything of it. */
function display(): void {
  const real = { ask: requestAnimationFrame.bind(window), cancel: cancelAnimationFrame.bind(window), steady: performance.now.bind(performance), wall: Date.now };
  let held: { readonly since: number; readonly wall: number; at: number } | undefined;
  let asked = new Map<number, FrameRequestCallback>();
  let last = 1e9;
  let [painted, isHidden] = [0, false];
  performance.now = () => held?.at ?? real.steady();
  Date.now = () => (held ? held.wall + Math.round(held.at - held.since) : real.wall());
  window.requestAnimationFrame = (run) => {
    if (!held) return real.ask(run);
    asked.set((last += 1), run);
    return last;
  };
  window.cancelAnimationFrame = (one) => void (asked.delete(one) || real.cancel(one));
  // A frame of the map begins with its ground.
  const draw = CanvasRenderingContext2D.prototype.drawImage as (...all: unknown[]) => void;
  const seen = new Set<number>();
  CanvasRenderingContext2D.prototype.drawImage = function (this: CanvasRenderingContext2D, ...all: unknown[]) {
    if (held && this.canvas.closest(".world") && !seen.has(held.at)) painted += seen.add(held.at) && 1;
    draw.apply(this, all);
  };
  Object.defineProperty(document, "hidden", { get: () => isHidden });
  const own: Held = {
    hold: async () => {
      const since = real.steady();
      held = { since, wall: real.wall(), at: since };
      // A frame that was asked for before comes yet, and asks for the first of ours.
      await new Promise((done) => real.ask(done));
    },
    hide: (on) => {
      isHidden = on;
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    },
    refresh: async (count, ms) => {
      let ran = 0;
      painted = 0;
      for (let frame = 0; held && frame < count; frame += 1) {
        held.at += ms;
        const now = asked;
        asked = new Map();
        for (const run of now.values()) run(held.at);
        ran += now.size;
        // What a frame brought about comes to its end before the next one.
        await new Promise((done) => setTimeout(done));
      }
      return [painted, ran];
    },
  };
  Object.assign(window, { display: own });
}

export class Display {
  static before(page: Page): Promise<unknown> {
    return page.addInitScript(display);
  }

  private constructor(private readonly page: Page) {}

  /** From now on the page has the time and the frames that the test gives it. */
  static async hold(page: Page): Promise<Display> {
    await page.locator(".world.ready").waitFor();
    await page.evaluate(() => (window as unknown as { display: Held }).display.hold());
    return new Display(page);
  }

  /** How often the map was painted in so many frames, and how much the page did in them. */
  async refresh(count: number, ms: number): Promise<{ painted: number; ran: number }> {
    const [painted, ran] = await this.page.evaluate(([count, ms]) => (window as unknown as { display: Held }).display.refresh(count, ms), [count, ms] as const);
    return { painted, ran };
  }

  /** Somebody looks at another tab, or comes back. */
  hide(on: boolean): Promise<void> {
    return this.page.evaluate((on) => (window as unknown as { display: Held }).display.hide(on), on);
  }

  /** The page's clock. */
  now(): Promise<number> {
    return this.page.evaluate(() => Date.now());
  }

  /** Waits until something holds, and refreshes meanwhile. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; !(await holds()); tries += 1) {
      if (tries > 500) throw new Error("it did not come to hold in 500 frames");
      await this.refresh(1, 17);
    }
  }
}
