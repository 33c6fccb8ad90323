// The one button that stops the whole town, for a mayor at the local binary; what freezing does lives in the Rust side.
import { signal } from "@preact/signals";
import * as app from "./app";

/** What somebody is about to do, to freeze or to thaw: whatever others do meanwhile, it never becomes the other. */
const asking = signal<boolean | null>(null);
const busy = signal(false);

/** Puts the form away; the button that opened it has the focus again. */
function close(): void {
  asking.value = null;
  document.querySelector<HTMLElement>(".freeze > button")?.focus();
}

/** Once, when the field comes: who walked on is not fetched back. */
const enter = (input: HTMLElement | null) => input?.focus();

async function send(on: boolean, reason: string): Promise<void> {
  busy.value = true;
  try {
    await app.acts.freeze(on, reason);
    close();
  } catch (error) {
    app.tell(`The town could not be ${on ? "frozen" : "thawed"}: ${(error as Error).message}.`);
  }
  busy.value = false;
}

export function Freeze() {
  if (!app.mayDecide()) return null;
  void app.version.value;
  const frozen = app.live.town.frozen !== undefined;
  const past = app.past.value;
  const on = asking.value ?? !frozen;
  const open = asking.value !== null && !past;
  const verb = on ? "Freeze" : "Thaw";
  const submit = (event: Event) => {
    event.preventDefault();
    void send(on, `${new FormData(event.currentTarget as HTMLFormElement).get("reason") as string}`);
  };
  return (
    <span class="freeze">
      <button type="button" class="bad" disabled={past} title={past ? "Not while you look at the past" : undefined} aria-expanded={open} onClick={() => (asking.value = open ? null : on)}>{verb} town</button>
      {open && (
        <form class="pop" onSubmit={submit} aria-label={`${verb} the town`} onKeyDown={(event) => event.key === "Escape" && close()}>
          <p>{on ? "No agent begins a run until the town is thawed." : "Agents run again at their next slot."}</p>
          <label>Why <input name="reason" required maxLength={500} ref={enter} /></label>
          <button type="submit" class="bad" disabled={busy.value || on === frozen}>{verb}</button>
          <button type="button" onClick={close}>Cancel</button>
        </form>
      )}
    </span>
  );
}
