// Whose frame it is: the map and the page around it take turns, so that no frame pays for both; what is done in one is not known here.

let taken = -1;

/** Takes the frame of this moment; false where somebody else has it. */
export function takesTurn(at: number): boolean {
  if (taken === at) return false;
  taken = at;
  return true;
}
