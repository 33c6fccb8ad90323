// The edge: the clock and chance, the only file that may ask for either; nothing that decides what is shown lives here.

/** The wall clock in milliseconds. Shown as "3 min ago"; it never orders anything and never moves anybody. */
export function wallClock(): number {
  return Date.now();
}

/** A clock that never jumps, for timeouts, frames and measuring. */
export function steadyClock(): number {
  return performance.now();
}

/** A number from 0 up to 1, for the jitter of reconnecting. */
export function chance(): number {
  const one = new Uint32Array(1);
  crypto.getRandomValues(one);
  return (one[0] ?? 0) / 4294967296;
}

/** A name that this browser gave itself, by which it spreads over several servers; it is told to nobody. */
export function witness(): string {
  const key = "monkeytown.witness";
  const anew = (): string => String(chance()).slice(2);
  try {
    const kept = localStorage.getItem(key) ?? anew();
    localStorage.setItem(key, kept);
    return kept;
  } catch {
    // Where nothing may be kept, each page is a witness of its own.
    return anew();
  }
}
