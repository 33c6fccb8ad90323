// The one button that stops the whole town, for a mayor at the local binary; what freezing does lives in the Rust side.
import { signal } from "@preact/signals";
import * as app from "./app";

const asking = signal(false);
const busy = signal(false);

/** Puts the form away; the button that opened it has the focus again. */
function close(): void {
  asking.value = false;
  document.querySelector<HTMLElement>(".freeze > button")?.focus();
}

export async function send(on: boolean, reason: string): Promise<void> {
  busy.value = true;
  try {
    await app.acts.freeze(on, reason);
    close();
  } catch (error) {
    app.tell(`The town is ${on ? "not frozen" : "still frozen"}: ${(error as Error).message}.`);
  }
  busy.value = false;
}

export function Freeze() {
  if (!app.mayDecide()) return null;
  void app.version.value;
  const frozen = app.live.town.frozen !== undefined;
  const past = app.past.value;
  const verb = frozen ? "Thaw" : "Freeze";
  const submit = (event: Event) => {
    event.preventDefault();
    void send(!frozen, `${new FormData(event.currentTarget as HTMLFormElement).get("reason") as string}`);
  };
  return (
    <span class="freeze">
      <button type="button" class="bad" disabled={past} title={past ? "Not while you look at the past" : undefined} aria-expanded={asking.value && !past} onClick={() => (asking.value = !asking.value)}>{verb} town</button>
      {asking.value && !past && (
        <form class="pop" onSubmit={submit} aria-label={`${verb} the town`} onKeyDown={(event) => event.key === "Escape" && close()}>
          <p>{frozen ? "Agents run again at their next slot." : "No agent begins a run until the town is thawed."}</p>
          <label>Why <input name="reason" required maxLength={500} autofocus ref={(input) => input?.focus()} /></label>
          <button type="submit" class="bad" disabled={busy.value}>{verb}</button>
          <button type="button" onClick={close}>Cancel</button>
        </form>
      )}
    </span>
  );
}
