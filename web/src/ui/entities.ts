// The names of characters that Markdown knows, as far as people use them; the long list of HTML is not worth its weight here.
// It stands in for a package that asks the browser, which a page that never hands markup to the browser may not do.

const NAMED: { [name: string]: string } = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", trade: "™", hellip: "…", mdash: "—", ndash: "–",
  lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", laquo: "«", raquo: "»", bull: "•", middot: "·", deg: "°", plusmn: "±", times: "×", divide: "÷",
  sect: "§", para: "¶", euro: "€", pound: "£", yen: "¥", cent: "¢", larr: "←", uarr: "↑", rarr: "→", darr: "↓", harr: "↔", le: "≤", ge: "≥",
  ne: "≠", asymp: "≈", infin: "∞", check: "✓", cross: "✗", auml: "ä", ouml: "ö", uuml: "ü", Auml: "Ä", Ouml: "Ö", Uuml: "Ü", szlig: "ß",
  eacute: "é", egrave: "è", agrave: "à", ccedil: "ç", ntilde: "ñ", frac12: "½", sup2: "²", sup3: "³", micro: "µ", lbrack: "[", rbrack: "]", ast: "*",
};

/** The character of a name; `false` for one that is not known, which then stands there as it was written. */
export function decodeNamedCharacterReference(name: string): string | false {
  return Object.hasOwn(NAMED, name) ? (NAMED[name] ?? false) : false;
}
