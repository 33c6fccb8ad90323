// The small parts that every screen is made of: texts that hide nothing, times, panels for empty and failed; no screen lives here.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { lookOf } from "../world/folk";
import { nameOf } from "../world/model";
import { css } from "../world/palette";
import { portrait } from "../world/sprites";
import { splitInvisible } from "../fold/text";
import type { Entry } from "../stream/wire";
import type { Loaded } from "./api";
import { shownNow, town } from "./app";
import { useGrowing } from "./growing";
import { link } from "./route";
import { agentOf, detail, field, passes, personOf, sentence, toneOf } from "./sentence";
import { Icon, iconOf } from "./icons";

/** A text that somebody wrote: what nobody could see is named. */
export function Said({ text }: { text: string }) {
  return (
    <bdi>
      {splitInvisible(text).map((part, i) => (part.hidden ? <span class="hidden-char" key={i} title="an invisible character">{part.text}</span> : part.text))}
    </bdi>
  );
}

export function ago(at: string): string {
  const seconds = Math.max(0, Math.round((shownNow() - Date.parse(at)) / 1000));
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return seconds < 63_072_000 ? `${Math.floor(seconds / 86_400)} d` : `${Math.floor(seconds / 31_557_600)} y`;
}

/** How long ago it was; `since` says so in words, where it stands in a sentence. */
export function When({ at, since = false }: { at: string; since?: boolean }) {
  const time = ago(at);
  return <time dateTime={at} title={at}>{since && time !== "now" ? `${time} ago` : time}</time>;
}

export function stamp(ms: number): string {
  return Number.isFinite(ms) && ms > 0 ? new Date(ms).toISOString().slice(0, 16).replace("T", " ") : "the beginning";
}

/** Milliseconds until something, in words. */
export function wait(ms: number): string {
  return ms < 1000 ? "now" : `in ${Math.round(ms / 1000)} s`;
}

export function dollars(micros: number | bigint): string {
  return `$${(Number(micros) / 1e6).toFixed(Number(micros) >= 1e7 ? 2 : 4)}`;
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <div class="empty" role="status"><b>{title}</b>{children && <p>{children}</p>}</div>;
}

/** What was fetched, or that it is on its way, or why it is not. */
export function Got<T>({ of, children }: { of: Loaded<T>; children: (value: T) => JSX.Element }) {
  if (of.state === "loading") return <p class="empty" role="status">Reading…</p>;
  if (of.state === "failed") return <Empty title="This could not be read">{of.why}. The town itself goes on without it.</Empty>;
  return children(of.value);
}

export function Face({ id, size = 48 }: { id: string; size?: number }) {
  const host = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const canvas = portrait(id, (width, height) => Object.assign(document.createElement("canvas"), { width, height }));
    canvas.setAttribute("aria-hidden", "true");
    host.current?.replaceChildren(canvas);
  }, [id]);
  return <span class="face" ref={host} style={{ width: `${size}px` }} />;
}

/** The colour that stands for an agent everywhere, beside its name. */
export function Dot({ id }: { id: string }) {
  return <i class="dot" aria-hidden="true" style={{ background: css(lookOf(id).mark) }} />;
}

export function Mark({ type }: { type: string }) {
  const tone = toneOf(type);
  return <span class={`mark ${tone}`}><Icon name={iconOf(type, tone)} /></span>;
}

/** A sentence about an agent, with the agent in front made strong. */
function Told({ event }: { event: Entry["event"] }) {
  const text = sentence(event);
  const who = agentOf(event) || personOf(field(event, "by") || field(event, "author"));
  if (!who || !text.startsWith(who)) return <Said text={text} />;
  return <><b><Said text={nameOf(who)} /></b><Said text={text.slice(who.length)} /></>;
}

export function Feed({ entries, title = "Village feed" }: { entries: Entry[]; title?: string }) {
  const newest = useGrowing(entries).reverse();
  return (
    <section class="feed" aria-label={title}>
      <h3>{title} <span>newest first</span></h3>
      {newest.length === 0 && (town().seq === 0
        ? <Empty title="Nothing has happened yet">The first run of an agent will stand here.</Empty>
        : <Empty title="Nothing to tell">Earlier events are not known to this page; what happens from now on stands here.</Empty>)}
      <ol>
        {newest.map(({ event, seq }) => {
          const more = detail(event);
          // What passes by is in no history that could be looked up.
          const passing = passes(event.type);
          const place = seq !== null ? `#${seq}` : passing ? "passing" : "from git";
          return (
            <li key={event.id} data-event={event.id}>
              <Mark type={event.type} />
              <p>
                {passing ? <Told event={event} /> : <a href={`#/e/${encodeURIComponent(event.id)}`}><Told event={event} /></a>}
                <span class="sub">{more && <><Said text={more.length > 160 ? `${more.slice(0, 159)}…` : more} /> · </>}{place}</span>
              </p>
              <When at={event.time} />
            </li>
          );
        })}
      </ol>
    </section>
  );
}

export function AgentLink({ id }: { id: string }) {
  return <a class="who" href={link("agents", id)}><Dot id={id} />{id}</a>;
}

/** Markdown that somebody wrote; its renderer comes when the first one is shown. */
export function Prose({ text }: { text: string }) {
  const host = useRef<HTMLDivElement>(null);
  const [shown, show] = useState(false);
  useEffect(() => {
    let gone = false;
    void import("./markdown").then(({ render }) => {
      if (gone) return;
      host.current?.replaceChildren(render(text));
      show(true);
    });
    return () => {
      gone = true;
    };
  }, [text]);
  return <div class="prose"><div ref={host} />{!shown && <pre>{text}</pre>}</div>;
}
