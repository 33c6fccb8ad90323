// Lines over time, drawn by uPlot; it comes only when somebody looks at such lines.
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";

export interface Series {
  name: string;
  colour: string;
  values: number[];
}

const INK = "#b8b0cb";
const axis = { stroke: INK, grid: { stroke: "#2b2640", width: 1 }, ticks: { stroke: "#2b2640", width: 1 }, font: "600 11px ui-monospace, monospace" };

export default function Chart({ times, series }: { times: number[]; series: Series[] }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const names = series.map((one) => one.name).join("\n");
  const height = 220;
  useEffect(() => {
    const box = host.current;
    if (!box) return undefined;
    const steps = UPlot.paths.stepped?.({ align: 1 });
    const lines = series.map(({ name, colour }, i) => ({ label: name, stroke: colour, width: 2, ...(i % 2 ? { dash: [7, 4] } : {}), ...(steps ? { paths: steps } : {}), points: { show: times.length < 3 } }));
    const options: UPlot.Options = {
      width: Math.max(200, box.clientWidth), height, tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false }, cursor: { show: false }, scales: { y: { range: (_, __, most) => [0, Math.max(0.0001, most * 1.08)] } },
      axes: [axis, { ...axis, size: 66, values: (_, ticks) => ticks.map((tick) => `$${tick < 0.1 ? tick.toFixed(4) : tick.toFixed(2)}`) }],
      series: [{}, ...lines],
    };
    const made = new UPlot(options, [times, ...series.map((one) => one.values)], box);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(200, box.clientWidth), height }));
    observer.observe(box);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [names]);
  useEffect(() => plot.current?.setData([times, ...series.map((one) => one.values)]), [times, series]);
  return <div class="chart" ref={host} aria-hidden="true" />;
}
