// Which server of several a witness listens to: rendezvous hashing, so that a server that comes or goes moves only its own; the
// line itself lives in connection.ts.

/** The servers in the order in which this witness asks them. The same name and the same servers give the same order everywhere. */
export function ranked(servers: readonly string[], witness: string): string[] {
  const weighed = servers.map((server) => ({ server, weight: weight(`${witness} ${server}`) }));
  return weighed.sort((a, b) => b.weight - a.weight || (a.server < b.server ? -1 : 1)).map(({ server }) => server);
}

/** FNV-1a of 32 bits over UTF-8, and the last mixing of MurmurHash3, without which names that differ at the end weigh alike. */
export function weight(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
