// Lines over time, as steps: what was true stays true until the next event. It comes only when somebody looks at such lines.
import { useEffect, useRef, useState } from "preact/hooks";

export interface Series {
  name: string;
  colour: string;
  values: number[];
}

const HEIGHT = 220;
const LEFT = 64;
const BELOW = 24;
const ROWS = 4;

/** A round number that is at least this one. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-4)));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** The path of a line of steps. */
export function stepsOf(times: number[], values: number[], x: (time: number) => number, y: (value: number) => number): string {
  return values.map((value, i) => (i === 0 ? `M${x(times[0] ?? 0).toFixed(1)} ${y(value).toFixed(1)}` : `H${x(times[i] ?? 0).toFixed(1)}V${y(value).toFixed(1)}`)).join("");
}

function label(seconds: number, long: boolean): string {
  const text = new Date(seconds * 1000).toISOString();
  return long ? text.slice(5, 10) : text.slice(11, 16);
}

export default function Chart({ times, series }: { times: number[]; series: Series[] }) {
  const host = useRef<HTMLDivElement>(null);
  const [width, resize] = useState(600);
  useEffect(() => {
    const observer = new ResizeObserver(() => resize(Math.max(200, host.current?.clientWidth ?? 600)));
    if (host.current) observer.observe(host.current);
    return () => observer.disconnect();
  }, []);
  const [from, to] = [times[0] ?? 0, times.at(-1) ?? 1];
  const most = roundUp(series.reduce((top, one) => one.values.reduce((a, b) => Math.max(a, b), top), 0));
  const x = (time: number) => LEFT + ((time - from) / Math.max(1, to - from)) * (width - LEFT - 8);
  const y = (value: number) => 8 + (1 - value / most) * (HEIGHT - BELOW - 8);
  const rows = Array.from({ length: ROWS + 1 }, (_, i) => (most * i) / ROWS);
  const marks = Array.from({ length: 5 }, (_, i) => from + ((to - from) * i) / 4);
  const digits = most < 0.1 ? 4 : 2;
  return (
    <div class="chart" ref={host} aria-hidden="true">
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} fill="none">
        {rows.map((value) => <g key={value}><path d={`M${LEFT} ${y(value)}H${width - 8}`} stroke="#2b2640" /><text x={LEFT - 8} y={y(value) + 4} text-anchor="end">${value.toFixed(digits)}</text></g>)}
        {marks.map((time, i) => <text key={i} x={x(time)} y={HEIGHT - 6} text-anchor={i === 0 ? "start" : i === 4 ? "end" : "middle"}>{label(time, to - from > 2 * 86_400)}</text>)}
        {series.map(({ name, colour, values }, i) => <path key={name} d={stepsOf(times, values, x, y)} stroke={colour} stroke-width="2" stroke-dasharray={i % 2 ? "7 4" : undefined} />)}
      </svg>
    </div>
  );
}
